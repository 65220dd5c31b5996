"""aiohttp and 100 workers that pull from one iterator: FILE BASE_URL RESULTS."""

import asyncio
import csv
import os
import sys

import aiohttp

WORKERS = 100


async def main(path: str, base_url: str, results: str) -> None:
    headers = {"X-Api-Key": os.environ["SENDKIT_API_KEY"]}
    with (
        open(path, encoding="utf-8", newline="") as source,  # noqa: PTH123, ASYNC230 - as one would write it
        open(results, "w", encoding="utf-8", newline="") as target,  # noqa: PTH123, ASYNC230 - the same
    ):
        rows, out = csv.DictReader(source), csv.writer(target)
        connector = aiohttp.TCPConnector(limit=WORKERS)

        async def work(session: aiohttp.ClientSession) -> None:
            for row in rows:
                url = f"{base_url}/v1/campaigns/{row['campaignId']}/leads/{row['campaignLeadId']}"
                body = {"status": row["status"], "aiTag": row["aiTag"]}
                async with session.patch(url, json=body) as answer:
                    confirmed = (await answer.json())["success"]
                out.writerow([*row.values(), answer.status if confirmed else 0])

        async with aiohttp.ClientSession(headers=headers, connector=connector) as session:
            await asyncio.gather(*(work(session) for _ in range(WORKERS)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
