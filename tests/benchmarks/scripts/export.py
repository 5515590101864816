"""What an export weighs: ``export ROWS`` reads so many rows of the history as CSV and prints memory and time."""

import json
import sys
import time

import tests.benchmarks.scripts._setup  # noqa: F401  # isort: skip

import psutil

from flex_outbound.admin import export
from flex_outbound.contexts import with_duplicates
from flex_outbound.models import Interaction

MEGABYTE = 1024 * 1024


def main() -> None:
    """Read, weigh, print."""
    wanted, process = int(sys.argv[1]), psutil.Process()
    rows = with_duplicates(Interaction.objects.all())
    lines = size = highest = 0
    before, start = process.memory_info().rss / MEGABYTE, time.perf_counter()
    for piece in export.lines(rows):
        lines += piece.count("\r\n")
        size += len(piece)
        highest = max(highest, process.memory_info().rss)
        if lines > wanted:
            break
    print(
        json.dumps(
            {
                "rows": lines - 1,
                "megabytes": size / MEGABYTE,
                "before": before,
                "highest": highest / MEGABYTE,
                "seconds": time.perf_counter() - start,
            }
        )
    )


if __name__ == "__main__":
    main()
