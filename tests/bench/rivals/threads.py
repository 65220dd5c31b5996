"""requests and a pool of 100 threads: FILE BASE_URL RESULTS."""

import csv
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import requests
from requests.adapters import HTTPAdapter

WORKERS = 100

Row = dict[str, str]


def main(path: str, base_url: str, results: str) -> None:
    headers = {"X-Api-Key": os.environ["SENDKIT_API_KEY"]}
    local = threading.local()

    def session() -> requests.Session:
        if not hasattr(local, "session"):
            local.session = requests.Session()
            local.session.headers.update(headers)
            local.session.mount(base_url, HTTPAdapter(pool_connections=1, pool_maxsize=1))
        kept: requests.Session = local.session
        return kept

    def send(row: Row) -> tuple[Row, int]:
        url = f"{base_url}/v1/campaigns/{row['campaignId']}/leads/{row['campaignLeadId']}"
        body = {"status": row["status"], "aiTag": row["aiTag"]}
        answer = session().patch(url, json=body, timeout=30)
        return row, answer.status_code if answer.json()["success"] else 0

    with open(path, encoding="utf-8", newline="") as file, ThreadPoolExecutor(WORKERS) as pool:  # noqa: PTH123 - as one would write it
        write(results, pool.map(send, csv.DictReader(file)))


def write(results: str, sent: Iterator[tuple[Row, int]]) -> None:
    with open(results, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123 - the same
        out = csv.writer(file)
        for row, status in sent:
            out.writerow([*row.values(), status])


if __name__ == "__main__":
    main(*sys.argv[1:])
