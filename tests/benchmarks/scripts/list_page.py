"""The list page of 100 contacts, with our buttons and without: ``list_page ROUNDS COUNT`` prints queries and times."""

import json
import sys
import time

import tests.benchmarks.scripts._setup  # noqa: F401  # isort: skip

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

PAGES = {"with": "/?per_page=100", "without": "/bench/contacts/?per_page=100"}
BUTTONS = b"<flex-outbound"


def get(client: Client, path: str) -> bytes:
    """Return the page; raises RuntimeError where it is not there."""
    response = client.get(path)
    if response.status_code != 200:
        raise RuntimeError(f"{path} answered {response.status_code}")
    return response.content


def queries(client: Client, path: str) -> int:
    """Return how many queries the page needs."""
    with CaptureQueriesContext(connection) as captured:
        get(client, path)
    return len(captured)


def milliseconds(client: Client, path: str) -> float:
    """Return how long the page takes."""
    start = time.perf_counter()
    get(client, path)
    return (time.perf_counter() - start) * 1000


def main() -> None:
    """Count, then time both pages in turn, and print."""
    rounds, count = int(sys.argv[1]), int(sys.argv[2])
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(User.objects.get(username="agent"))
    pages = {name: get(client, path) for name, path in PAGES.items()}
    buttons = {name: page.count(BUTTONS) for name, page in pages.items()}
    sizes = {name: len(page) for name, page in pages.items()}
    times: dict[str, list[list[float]]] = {name: [] for name in PAGES}
    for _round in range(rounds):
        for of_page in times.values():
            of_page.append([])
        for _page in range(count):
            for name, path in PAGES.items():
                times[name][-1].append(milliseconds(client, path))
    counted = {name: queries(client, path) for name, path in PAGES.items()}
    print(json.dumps({"buttons": buttons, "bytes": sizes, "queries": counted, "times": times}))


if __name__ == "__main__":
    main()
