"""What an export weighs: ``export ROWS`` reads so many rows of the admin's CSV file and prints memory and time."""

import json
import sys
import time
from collections.abc import Iterable
from typing import cast

import tests.benchmarks.scripts._setup  # noqa: F401  # isort: skip

import psutil
from django.contrib.auth.models import User
from django.http import StreamingHttpResponse
from django.test import Client

MEGABYTE = 1024 * 1024
PATH = "/admin/flex_outbound/interaction/export/"


def main() -> None:
    """Read, weigh, print."""
    wanted, process = int(sys.argv[1]), psutil.Process()
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(User.objects.filter(is_superuser=True)[0])
    lines = size = highest = 0
    before, start = process.memory_info().rss / MEGABYTE, time.perf_counter()
    answer = cast(StreamingHttpResponse, client.get(PATH))
    for piece in cast(Iterable[bytes], answer.streaming_content):
        lines += piece.count(b"\r\n")
        size += len(piece)
        highest = max(highest, process.memory_info().rss)
        if lines > wanted:
            break
    seconds = time.perf_counter() - start
    answer.close()
    print(
        json.dumps(
            {
                "rows": lines - 1,
                "megabytes": size / MEGABYTE,
                "before": before,
                "highest": highest / MEGABYTE,
                "seconds": seconds,
            }
        )
    )


if __name__ == "__main__":
    main()
