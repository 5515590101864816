"""The report, and its tables at the end of the run."""

from pathlib import Path

import pytest

from tests.faults.report import Report

_report = pytest.StashKey[Report]()


@pytest.fixture(scope="session")
def report(pytestconfig: pytest.Config) -> Report:
    """Where the runs write what they saw."""
    return pytestconfig.stash.setdefault(_report, Report())


@pytest.fixture(scope="session")
def logs(pytestconfig: pytest.Config) -> Path:
    """The folder for the logs of runs in which something went wrong."""
    folder = pytestconfig.rootpath / "var" / "faults"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the tables, whatever came out."""
    made = config.stash.get(_report, None)
    if made is None:
        return
    terminalreporter.section("faults")
    for line in made.lines():
        terminalreporter.write_line(line)
