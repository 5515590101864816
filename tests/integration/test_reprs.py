"""Error trackers collect local variables by ``repr``: none of ours shows a customer, a colleague or a text."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User

import flex_outbound
from flex_outbound import channels, phones
from flex_outbound.api.serializers import ClickSerializer, ConfirmSerializer, TimelineQuery
from flex_outbound.channels import Address, Channel
from flex_outbound.exceptions import ClickConflict, InvalidClick
from flex_outbound.gateway import base, results
from flex_outbound.models import Interaction, Message, Resource, Sender, Worker
from flex_outbound.models.event import Source
from flex_outbound.outbox import changes, enqueue, preflight, sender_tests
from flex_outbound.outbox.callbacks.events import CallbackEvent
from flex_outbound.setup.people import Person
from flex_outbound.webhooks import read

MARK = "MaRkEd"
NUMBER = "+14155550123"
NAMES = (MARK,)

PERSONAL = {
    *("address", "author", "attributes", "bcc", "body", "cc", "contact_name", "content_variables"),
    *(
        "customer_name",
        "email",
        "full_name",
        "message",
        "number",
        "params",
        "phone",
        "repeated",
        "said",
        "proxy_address",
        "raw",
    ),
    *("reason_text", "repeated", "said", "subject", "to", "value", "words"),
}
"""What fields are called that hold a customer's name, address or text."""

OTHERS = {
    ("agents.Reason", "message"),  # the words of all, with gaps for parameters
    ("bulk.Plus", "number"),  # of a column
    ("charts.Tile", "value"),  # a figure
    ("compact._Channels", "reason_text"),  # why the user can send nothing
    ("preflight.Setup", "reason_text"),
    ("decisions.Choice", "words"),  # of a button
    ("import_form.Item", "value"),  # a SID
    ("import_form.SenderRow", "address"),  # the project's own
    ("timeline.Entry", "raw"),  # without addresses and texts
}
"""Fields of such a name that hold something else."""

CLICK = {
    "address": MARK,
    "body": MARK,
    "subject": MARK,
    "to": NAMES,
    "cc": NAMES,
    "bcc": NAMES,
    "content_variables": {"1": MARK},
}
DETAILS = base.ContactDetails("crm.contact", "7", MARK, MARK, MARK)
REQUEST = base.InteractionRequest(
    *("key", 1, Channel.SMS, MARK, "+14155550100", "Us", MARK, "WK", "WQ", "WS"),
    subject=MARK,
    to=NAMES,
    cc=NAMES,
    bcc=NAMES,
    contact=DETAILS,
)
VALUES: list[Any] = [
    Address(MARK, "mobile"),
    DETAILS,
    REQUEST,
    base.MessageRequest("key", "CH", MARK, MARK, MARK, "HX", {"1": MARK}),
    base.TaskState("WT", "pending", {"customerName": MARK}, None, None, None, None, "key"),
    results.Binding("sms", MARK, MARK),
    changes.Change(None, said=MARK),
    enqueue.Click(None, "crm.contact", "7", "sms", **CLICK),  # type: ignore[arg-type]
    sender_tests.SenderTest(None, Sender(), MARK, 1, MARK, MARK),
    preflight.ChannelOption(Channel.SMS, False, "not_allowed", MARK, [Address(MARK)], []),
    preflight.Rejection("not_allowed", MARK),
    CallbackEvent(Source.CONVERSATIONS, "onMessageAdded", author=MARK),
    read.Callback({"Body": MARK}, MARK.encode(), {"Body": [MARK]}),
    Person(1, "ada", MARK, MARK),
    Interaction(contact_name=MARK, address=MARK, subject=MARK, to=[MARK]),
    Message(body=MARK, content_variables={"1": MARK}),
    Worker(friendly_name=MARK),
    Resource(name=MARK),
    InvalidClick(MARK, code="x"),
    ClickConflict(MARK, code="x", interaction=Interaction(contact_name=MARK)),
    ClickSerializer(data={"contact_id": MARK, "body": MARK}, context={"request": SimpleNamespace(headers={})}),
    ConfirmSerializer(data={"task_sid": MARK}),
    TimelineQuery(data={"contact_id": MARK}),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_no_repr_shows_what_is_in_it(value: Any) -> None:
    assert MARK not in repr(value)
    assert MARK not in repr([value, {"value": value}])


def test_a_number_that_was_read_is_not_shown() -> None:
    assert NUMBER not in repr(phones.read(NUMBER, None))
    assert channels.normalize(Channel.SMS, NUMBER) == NUMBER


@pytest.mark.django_db
def test_a_queryset_shows_keys(contact: Any, agent: User) -> None:
    Worker.objects.filter(user=agent).update(friendly_name=MARK)
    assert MARK not in repr(Worker.objects.all())


def modules() -> Iterator[Any]:
    left_out = ("flex_outbound.sandbox", "flex_outbound.migrations", "flex_outbound.metrics", "flex_outbound.testing")
    for found in pkgutil.walk_packages(flex_outbound.__path__, "flex_outbound."):
        if not found.name.startswith(left_out):
            yield importlib.import_module(found.name)


def test_no_field_that_may_hold_a_customer_is_in_a_repr() -> None:
    shown = set()
    for module in modules():
        for name, kind in vars(module).items():
            if not isinstance(kind, type) or kind.__module__ != module.__name__:
                continue
            of = f"{module.__name__.rpartition('.')[2]}.{name}"
            if dataclasses.is_dataclass(kind):
                shown |= {(of, one.name) for one in dataclasses.fields(kind) if one.repr and one.name in PERSONAL}
            # A tuple is shown by its items, whatever its own repr.
            shown |= {(of, one) for one in getattr(kind, "_fields", ()) if one in PERSONAL}
    assert shown - OTHERS == set()
