"""httpx, a task a row and a semaphore of 100: FILE BASE_URL RESULTS."""

import asyncio
import csv
import os
import sys

import httpx

WORKERS = 100

Row = dict[str, str]


async def main(path: str, base_url: str, results: str) -> None:
    headers = {"X-Api-Key": os.environ["SENDKIT_API_KEY"]}
    free = asyncio.Semaphore(WORKERS)
    async with httpx.AsyncClient(base_url=base_url, headers=headers, timeout=30) as client:

        async def send(row: Row) -> tuple[Row, int]:
            url = f"/v1/campaigns/{row['campaignId']}/leads/{row['campaignLeadId']}"
            async with free:
                body = {"status": row["status"], "aiTag": row["aiTag"]}
                answer = await client.patch(url, json=body)
            return row, answer.status_code if answer.json()["success"] else 0

        with open(path, encoding="utf-8", newline="") as source:  # noqa: PTH123, ASYNC230 - as one would write it
            sent = await asyncio.gather(*(send(row) for row in csv.DictReader(source)))
    with open(results, "w", encoding="utf-8", newline="") as target:  # noqa: PTH123, ASYNC230 - the same
        csv.writer(target).writerows([*row.values(), status] for row, status in sent)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
