"""The suite runs on several processes at once, and what shares a server stays on one of them."""

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.processes import ROOT
from tests.scheduling import WITH_THE_DEMO, group_of


@pytest.mark.parametrize(
    ("nodeid", "group"),
    [
        ("tests/acceptance/test_click.py::test_a[sqlite-sms]", "acceptance on sqlite"),
        ("tests/acceptance/test_click.py::test_a[postgresql]", "acceptance on postgresql"),
        ("tests/acceptance/test_click.py::test_a", "tests/acceptance/test_click.py"),
        ("tests/browser/test_whole.py::test_a[sms]", "acceptance on sqlite"),
        ("tests/browser/test_admin.py::test_a[390-dark]", "tests/browser/test_admin.py"),
        ("tests/hosts/test_pages.py::test_a", "hosts"),
        ("tests/migrations/test_migrations.py::test_a[mariadb-crm_demo]", "migrations on mariadb"),
        ("tests/unit/test_sids.py::TestA::test_a[sqlite::x]", "tests/unit/test_sids.py"),
    ],
)
def test_what_shares_a_server_is_one_group(nodeid: str, group: str) -> None:
    assert group_of(nodeid) == group


def test_the_files_that_are_named_exist() -> None:
    assert [path for path in WITH_THE_DEMO if not (ROOT / path).is_file()] == []


def test_xdist_still_asks_for_the_group() -> None:
    """It has no public way to be told; if this fails, see how ``--dist loadgroup`` does it by then."""
    assert callable(LoadScopeScheduling._split_scope)
