"""How many modules an interaction passes, from the click to its row and from ``dispatch`` to its end.

A visit is an uninterrupted run of functions of one module that are given the interaction. Models and the host's adapter
are what the interaction is made of, the gateway is Twilio's side, and ``metrics`` only watches.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from types import FrameType
from typing import Any, Final

from django.contrib.auth.models import User
from django.core.cache import cache

import flex_outbound
from crm_demo.models import Contact
from flex_outbound.models import Account, Interaction
from flex_outbound.outbox.dispatch import dispatch
from flex_outbound.outbox.enqueue import Click, enqueue
from tests.integration.pipeline.conftest import Sandbox, agent, sandbox, sandbox_server, senders  # noqa: F401

PACKAGE: Final = Path(flex_outbound.__file__).parent
ELSEWHERE: Final = ("gateway/", "models/", "metrics/", "contacts.py")
MOST_VISITS: Final = 15
MOST_OF_ONE_MODULE: Final = 2


def test_from_dispatch_an_interaction_passes_few_modules_and_none_often(
    account: Account,
    agent: User,  # noqa: F811
    sandbox: Sandbox,  # noqa: F811
) -> None:
    interaction = enqueue(_click(agent))

    with _route() as visits:
        dispatch(account.pk)

    interaction.refresh_from_db()
    assert interaction.status == "created"
    _is_short(visits)
    assert {"requests.py", "recheck.py", "attempts.py", "lifecycle.py"} <= {Path(one).name for one in visits}


def test_from_the_click_it_passes_few_modules_and_none_often(
    agent: User,  # noqa: F811
    sandbox: Sandbox,  # noqa: F811
) -> None:
    with _route() as visits:
        interaction = enqueue(_click(agent))

    assert interaction.status == "queued"
    _is_short(visits)
    assert visits[0] == "outbox/enqueue.py"


def _is_short(visits: list[str]) -> None:
    assert len(visits) <= MOST_VISITS, visits
    assert {name: n for name, n in Counter(visits).items() if n > MOST_OF_ONE_MODULE} == {}, visits


def _click(user: User) -> Click:
    cache.clear()
    contact = Contact.objects.create(full_name="Ann", mobile="+33639980001")
    return Click(user, "crm_demo.contact", str(contact.pk), "sms", body="Hello")


@contextmanager
def _route() -> Iterator[list[str]]:
    """Follow what is given a click or an interaction; the list has the modules afterwards, in order, one a visit."""
    passed: list[str] = []
    visits: list[str] = []

    def note(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event != "call" or code.co_name.startswith("<") or not code.co_filename.startswith(f"{PACKAGE}/"):
            return
        name = Path(code.co_filename).relative_to(PACKAGE).as_posix()
        given = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if not name.startswith(ELSEWHERE) and any(_holds(frame.f_locals.get(one)) for one in given):
            passed.append(name)

    sys.setprofile(note)
    try:
        yield visits
    finally:
        sys.setprofile(None)
        visits += [name for name, _functions in groupby(passed)]


def _holds(value: Any, depth: int = 3) -> bool:
    """Tell whether a value is a click or an interaction, or holds one: alone, in a batch, or with its change."""
    if isinstance(value, Interaction | Click):
        return True
    if isinstance(value, dict):
        value = list(value.values())
    inner = value if isinstance(value, list | tuple | set) else [getattr(value, "claimed", None)]
    return depth > 0 and any(_holds(one, depth - 1) for one in inner if one is not None)
