"""The lab, the report, and the table at the end of the run. ``BENCH_JSON=path`` also writes it as JSON."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.benchmarks.report import Report
from tests.benchmarks.servers import Lab

_report = pytest.StashKey[Report]()


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """All real servers of the run."""
    # In the top of the temporary folder: pytest's own folders are closed to the user that PostgreSQL runs as.
    with tempfile.TemporaryDirectory(prefix="flex-bench-") as directory:
        Path(directory).chmod(0o711)
        made = Lab(Path(directory))
        yield made
        made.close()


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> Report:
    """Where every benchmark writes its figures."""
    return pytestconfig.stash.setdefault(_report, Report())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table, also where an aim was missed or a benchmark failed."""
    made = config.stash.get(_report, None)
    if made is None:
        return
    terminalreporter.section("benchmarks")
    terminalreporter.write_line(made.table())
    if path := os.environ.get("BENCH_JSON"):
        made.save(Path(path))
