"""How many statements the hot path may cost: what a click, a dispatch, a callback, a poll and a list page ask for."""

from typing import Any, Final

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.test import Client

from crm_demo.models import Contact
from flex_outbound.models import Account
from tests.benchmarks.statements import Cost, HotPath
from tests.integration.pipeline.conftest import Sandbox, agent, sandbox, sandbox_server, senders  # noqa: F401

_SQLITE: Final = {
    # Statements, and the transactions around them. Session and user are two statements of a request that is signed in,
    # permissions two more where they are asked for.
    "click": Cost(6, 1),
    # SQLite's write lock is a statement of its own, at the beginning of a transaction that reads first.
    "dispatch": Cost(10, 2),
    "dispatch, each of 16": Cost(3.7, 0.32),
    "poll, 304": Cost(3, 0),
    "callback with news": Cost(3, 0),
    "callback with news, its job": Cost(5, 1),
    "callback without news": Cost(3, 0),
    "callback without news, its job": Cost(0, 0),
    "list page of 100 contacts": Cost(6, 0),
}
# On PostgreSQL a transaction of the pipeline begins with a statement that bounds how long locks are waited for; the
# outcomes and the contacts of a batch are written by one statement each.
_POSTGRESQL: Final = _SQLITE | {
    "dispatch": Cost(11, 2),
    "dispatch, each of 16": Cost(2, 0.25),
}
MOST: Final = {"sqlite": _SQLITE, "postgresql": _POSTGRESQL}
"""What each step may cost at most. Lower a number whenever the code makes that possible."""


@pytest.mark.django_db(transaction=True)
def test_the_hot_path_costs_no_more_statements_than_allowed(
    account: Account,
    agent: User,  # noqa: F811
    sandbox: Sandbox,  # noqa: F811
    settings: Any,
) -> None:
    if connection.vendor not in MOST:
        pytest.skip(f"no numbers are kept for {connection.vendor}")
    cache.clear()
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "PUBLIC_BASE_URL": "https://crm.example.com"}
    people = [Contact(full_name=f"Customer {number}", mobile=f"+336399800{number:02}") for number in range(100)]
    contacts = Contact.objects.bulk_create(people)
    client = Client()
    client.force_login(agent)

    found = HotPath(client, account, [contact.pk for contact in contacts]).measure()

    allowed = MOST[connection.vendor]
    assert found.keys() == allowed.keys()
    assert {name: cost for name, cost in found.items() if cost.exceeds(allowed[name])} == {}
