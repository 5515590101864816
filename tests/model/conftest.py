"""The model's clock in the place of the database's and of the fence's."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.db.models.functions import Now

from crm_demo.flex_contacts import CrmContact
from crm_demo.models import Contact
from flex_outbound.channels import Channel
from flex_outbound.models import Account, Closing, Interaction, Sender, WebhookEvent
from flex_outbound.outbox import attempts, compiled, dispatch, gateways, retry
from tests.model.flex import Flex
from tests.model.real import Real

RATES = dict.fromkeys(["interactions", "task_searches", "conversations"])


class Stage:
    """Where one real pipeline after another is set up, all in one database."""

    def __init__(self, account: Account, sender: Sender, contact: Contact) -> None:
        self._parts = (account, sender, contact)
        self.real: Real | None = None

    @property
    def now(self) -> float:
        """The model's clock."""
        return self.real.now if self.real else 0.0

    def set_up(self, flex: Flex) -> Real:
        """Return an empty pipeline before a Twilio."""
        for model in (Closing, WebhookEvent, Interaction):
            model._default_manager.all().delete()
        self.real = Real(*self._parts, flex)
        gateways.use(self.real.connect)
        return self.real


@pytest.fixture
def stage(
    account: Account,
    senders: dict[Channel, Sender],
    contact: Contact,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Stage]:
    """A stage on which time is what the model says."""
    settings.FLEX_OUTBOUND = {"HTTP_TIMEOUT": (3.0, 10.0), "MAX_ATTEMPTS": 3, "RATE_LIMITS": RATES}
    made = Stage(account, senders[Channel.SMS], contact)

    def literal(self: Now, compiler: Any, connection: Any, **extra: Any) -> Any:
        text = (made.real or Real(account, senders[Channel.SMS], contact, Flex(0, 0, 0))).moment(made.now)
        cast = "::timestamptz" if connection.vendor == "postgresql" else ""
        shown = text.isoformat(" ", "microseconds").removesuffix("+00:00")
        return self.as_sql(compiler, connection, template=f"'{shown}{'+00' if cast else ''}'{cast}", **extra)

    monkeypatch.setattr(Now, "as_sqlite", literal)
    monkeypatch.setattr(Now, "as_postgresql", literal)
    monkeypatch.setattr(Now, "as_mysql", literal)
    # The time is a part of the SQL here, so none may be kept.
    monkeypatch.setattr(compiled, "rows", lambda build, _key: list(build()))
    clock = SimpleNamespace(clock_gettime=lambda _: made.now, monotonic=lambda: made.now, sleep=lambda _: None)
    monkeypatch.setattr(attempts, "time", clock)
    # One at a time, so that every step has its place in the order of events.
    monkeypatch.setattr(dispatch, "BATCH", 1)
    monkeypatch.setattr(retry, "random", SimpleNamespace(random=lambda: 1.0))
    # One contact with an address for each click: the model's contacts do not change.
    monkeypatch.setattr(CrmContact, "get_addresses", lambda *_: [f"+1415555{count:04}" for count in range(1, 20)])
    before = gateways.use(Real(account, senders[Channel.SMS], contact, Flex(0, 0, 0)).connect)
    yield made
    gateways.use(before)
