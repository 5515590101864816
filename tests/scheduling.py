"""Which tests may run side by side: what shares a server or a wheel stays together, and whole stacks come first.

xdist's own ``--dist loadgroup`` would do, but under pytest 9.2 it silently ignores its groups:
https://github.com/pytest-dev/pytest-xdist/issues/1386
"""

import re

import pytest
from xdist.scheduler import LoadScopeScheduling

WITH_THE_DEMO = (
    "tests/browser/test_consent.py",
    "tests/browser/test_end_to_end.py",
    "tests/browser/test_whole.py",
)
"""They share the demo on SQLite with ``tests/acceptance``, see ``processes.running``."""

_DATABASE = re.compile(r"\[(sqlite|postgresql|mariadb)\b")


def group_of(nodeid: str) -> str:
    """Return the group of a test by its id: the servers that it shares, else its file. One worker runs all of it."""
    path, _, name = nodeid.partition("::")
    if path in WITH_THE_DEMO:
        return "acceptance on sqlite"
    folder = path.split("/")[1]
    if folder == "hosts":
        return folder
    database = _DATABASE.search(name)
    if database and folder in ("acceptance", "migrations"):
        return f"{folder} on {database[1]}"
    return path


class GroupScheduling(LoadScopeScheduling):
    """Hand out groups in the order in which they are collected.

    ``tests/acceptance`` comes first, so that what waits most does not come last and alone.
    """

    def __init__(self, config: pytest.Config, log: object = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)
