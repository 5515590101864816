"""What the sandbox answers is what Twilio publishes that it answers."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flex_outbound.sandbox import defaults, routes
from flex_outbound.sandbox.ids import fixed_sid
from flex_outbound.sandbox.server import SandboxServer
from tests.contract.openapi import Contract, first_links
from tests.contract.wire import CUSTOMERS, Wire, interaction_form

UNPUBLISHED = {
    "flex-api": {
        "/v1/Instances/{instance}/InteractionWebhooks",
        "/v1/Instances/{instance}/InteractionWebhooks/{ttid}",
    },
    "mcs": {
        "/v1/Services/{service}/Media",
        "/v1/Services/{service}/Media/{media}",
        "/v1/Services/{service}/Media/{media}/Content",
    },
}
"""Documented by Twilio, but in neither its OpenAPI nor its SDK.

Sources: https://www.twilio.com/docs/flex/developer/conversations/interactions-api/interaction-webhooks and
https://www.twilio.com/docs/conversations/api/media-resource
"""

SPACE = f"/v1/Workspaces/{defaults.WORKSPACE_SID}"
ACCOUNT = f"/2010-04-01/Accounts/{defaults.ACCOUNT_SID}"
ADDRESS_SID = fixed_sid("IG", f"{defaults.ACCOUNT_SID} email {defaults.EMAIL_SENDER}")
NUMBER_SID = fixed_sid("PN", f"{defaults.ACCOUNT_SID} {defaults.SMS_SENDER}")
NUMBERS = "/IncomingPhoneNumbers"
SENDER_SID = fixed_sid("XE", f"{defaults.ACCOUNT_SID} whatsapp {defaults.WHATSAPP_SENDER}")
SIDS = {
    "workspace": "WS",
    "task": "WT",
    "reservation": "WR",
    "worker": "WK",
    "interaction": "KD",
    "channel": "UO",
    "conversation": "CH",
    "message": "IM",
    "receipt": "DY",
    "webhook": "WH",
    "service": "IS",
    "role": "RL",
    "user": "US",
    "transfer": "UX",
    "worker_channel": "WC",
    "number": "PN",
    "content": "HX",
    "account": "AC",
    "instance": "GO",
    "ttid": "flex_interactionwebhook_",
    "media": "ME",
}
BY_SECTION = {
    "Activities": "WA",
    "TaskQueues": "WQ",
    "Workflows": "WW",
    "TaskChannels": "TC",
    "Events": "EV",
    "Content": "HX",
    "Channels": "UT",
    "Conversations": "MB",
    "Senders": "XE",
    "Addresses": "IG",
}


@pytest.fixture
def wire(sandbox: SandboxServer) -> Iterator[Wire]:
    """The way to the sandbox."""
    wire = Wire(sandbox)
    yield wire
    wire.close()


def example(path: str) -> str:
    """Return a path of the sandbox's tables with SIDs of the right shape in it."""

    def sid(found: re.Match[str]) -> str:
        before = path[: found.start()]
        sections = [name for name in BY_SECTION if f"/{name}" in before]
        prefix = SIDS.get(found[1]) or BY_SECTION[sections[-1]]
        return prefix + "a" * 32

    return re.sub(r"\{(\w+)\}", sid, path)


@pytest.mark.parametrize("product", routes.TABLES)
def test_every_address_of_the_sandbox_is_published(product: str, twilio: Contract) -> None:
    offered = [(path, method) for path, handlers in routes.TABLES[product] for method in handlers]

    unknown = {path for path, method in offered if not twilio.find(product, method, example(path))}

    assert unknown == UNPUBLISHED.get(product, set())


PAGING = {"Page", "PageToken"}
FOR_CALLS = ("/Reservations/{Sid}",)
"""Nearly all fields of an updated reservation are instructions for calls. One test refuses those."""


@pytest.mark.parametrize("product", routes.TABLES)
def test_no_published_field_is_taken_and_forgotten(product: str, twilio: Contract) -> None:
    files = Path(routes.__file__).parent.rglob("*.py")
    literals = set(re.findall(r"""["'.]([A-Za-z]+)["']""", "".join(file.read_text() for file in files)))
    forgotten: dict[str, set[str]] = {}

    for path, handlers in routes.TABLES[product]:
        for method in handlers:
            operation = twilio.find(product, method, example(path))
            if operation is None or (method == "POST" and operation.path.endswith(FOR_CALLS)):
                continue
            fields = {*operation.query, *operation.form.get("properties", {})} - PAGING
            unknown = {name for name in fields if name.rpartition(".")[2] not in literals}
            # A list that is always empty needs no filters.
            if unknown and not operation.path.endswith("/Bindings"):
                forgotten[f"{method} {operation.path}"] = unknown

    assert forgotten == {}


@pytest.mark.parametrize("shape", ["full", "no_conversation_sid", "echo"])
@pytest.mark.parametrize("channel", ["sms", "whatsapp", "email"])
def test_a_new_interaction_looks_as_published(
    channel: str, shape: str, sandbox: SandboxServer, wire: Wire, twilio: Contract
) -> None:
    sandbox.state.options.reply_shape = shape

    made = wire.ask("POST", "flex-api", "/v1/Interactions", interaction_form(channel))

    assert twilio.answer_errors("flex-api", "POST", "/v1/Interactions", made) == []


MEASURED = ("", "/Workers", f"/TaskQueues/{defaults.QUEUES['Outbound']}", f"/Workflows/{defaults.WORKFLOW_SID}")
SERVICE = f"/v1/Services/{defaults.CHAT_SERVICE_SID}"
READ_IN_A_SERVICE = (
    "",
    "/Configuration",
    "/Configuration/Notifications",
    "/Configuration/Webhooks",
    "/Bindings",
    "/Roles",
    "/Users",
    "/Users/agent",
    "/Users/agent/Conversations",
    "/Conversations",
    "/ParticipantConversations?Identity=agent",
)


def read_everything(wire: Wire) -> list[tuple[str, str]]:
    """Return every address that is read on the way of an interaction, by product."""
    made = wire.open()
    wire.ask("POST", "conversations", f"{SERVICE}/Users", {"Identity": "agent"})
    channel = f"/v1/Interactions/{made['sid']}/Channels"
    task = f"{SPACE}/Tasks/{made['routing']['properties']['sid']}"
    talk = f"/v1/Conversations/{json.loads(made['routing']['properties']['attributes'])['conversationSid']}"
    message = wire.ask("POST", "conversations", f"{talk}/Messages", {"Author": "agent", "Body": "Hello"})["sid"]
    one = f"{talk}/Messages/{message}"
    within = (talk, f"{talk}/Participants", f"{talk}/Messages", one, f"{one}/Receipts")
    template = defaults.CONTENT_TEMPLATES[0].sid
    addresses = {
        "flex-api": [
            "/v1/Configuration",
            f"/v1/Interactions/{made['sid']}",
            channel,
            f"{channel}/{made['channel']['sid']}",
            f"{channel}/{made['channel']['sid']}/Invites",
            f"{channel}/{made['channel']['sid']}/Participants",
        ],
        "taskrouter": [
            "/v1/Workspaces",
            SPACE,
            f"{SPACE}/Tasks",
            task,
            f"{task}/Reservations",
            f"{SPACE}/Workers",
            f"{SPACE}/Workers/{defaults.WORKERS['agent']}",
            f"{SPACE}/Events?Minutes=15",
            f"{SPACE}/Activities",
            f"{SPACE}/Activities/{defaults.ACTIVITIES['Available']}",
            f"{SPACE}/TaskQueues",
            f"{SPACE}/TaskQueues/{defaults.QUEUES['Outbound']}",
            f"{SPACE}/Workflows",
            f"{SPACE}/Workflows/{defaults.WORKFLOW_SID}",
            f"{SPACE}/TaskChannels",
            f"{SPACE}/TaskChannels/{defaults.TASK_CHANNELS['sms']}",
            f"{SPACE}/Workers/{defaults.WORKERS['agent']}/Channels",
            f"{SPACE}/Workers/{defaults.WORKERS['agent']}/Channels/sms",
            f"{SPACE}/Workers/{defaults.WORKERS['agent']}/Reservations",
            f"{SPACE}/Workers/{defaults.WORKERS['agent']}/Statistics",
            f"{SPACE}/TaskQueues/Statistics",
            *(f"{SPACE}{where}/{kind}Statistics" for where in MEASURED for kind in ("", "RealTime", "Cumulative")),
        ],
        "conversations": [
            "/v1/Configuration",
            "/v1/Conversations",
            talk,
            f"{talk}/Participants",
            f"{talk}/Messages",
            one,
            f"{one}/Receipts",
            f"{talk}/Webhooks",
            f"/v1/ParticipantConversations?Address={CUSTOMERS['sms'].replace('+', '%2B')}",
            "/v1/Configuration/Webhooks",
            "/v1/Configuration/Addresses",
            f"/v1/Configuration/Addresses/{ADDRESS_SID}",
            "/v1/Roles",
            "/v1/Users",
            "/v1/Users/agent/Conversations",
            *(f"{SERVICE}{path}" for path in READ_IN_A_SERVICE),
            *(f"{SERVICE}{path.removeprefix('/v1')}" for path in within),
        ],
        "messaging": ["/v2/Channels/Senders?Channel=whatsapp", f"/v2/Channels/Senders/{SENDER_SID}"],
        "api": [
            f"{ACCOUNT}.json",
            f"{ACCOUNT}/IncomingPhoneNumbers.json",
            f"{ACCOUNT}/IncomingPhoneNumbers/{NUMBER_SID}.json",
        ],
        "content": [
            "/v1/Content",
            f"/v1/Content/{template}",
            f"/v1/Content/{template}/ApprovalRequests",
            "/v1/ContentAndApprovals",
            "/v2/Content",
            "/v2/ContentAndApprovals",
        ],
    }
    return [(product, path) for product, paths in addresses.items() for path in paths]


@pytest.mark.parametrize("null_attributes", [False, True])
def test_everything_that_is_read_looks_as_published(
    null_attributes: bool, sandbox: SandboxServer, wire: Wire, twilio: Contract
) -> None:
    sandbox.state.options.null_list_attributes = null_attributes
    wrong: dict[str, list[str]] = {}

    for product, path in read_everything(wire):
        errors = twilio.answer_errors(product, "GET", path.partition("?")[0], wire.ask("GET", product, path))
        if errors:
            wrong[f"{product}{path}"] = errors

    assert wrong == {}


def test_the_links_are_those_that_are_published(wire: Wire, twilio: Contract) -> None:
    short: dict[str, set[str]] = {}

    for product, path in read_everything(wire):
        published = twilio.links(product, "GET", path.partition("?")[0])
        given = first_links(wire.ask("GET", product, path))
        if given and given != published:
            short[f"{product}{path}"] = given ^ published

    assert short == {}


def test_everything_that_is_changed_looks_as_published(wire: Wire, twilio: Contract) -> None:
    made = wire.open()
    attributes = json.loads(made["routing"]["properties"]["attributes"])
    channel = f"/v1/Interactions/{made['sid']}/Channels/{made['channel']['sid']}"
    task = f"{SPACE}/Tasks/{made['routing']['properties']['sid']}"
    [reservation] = wire.ask("GET", "taskrouter", f"{task}/Reservations")["reservations"]
    talk = f"/v1/Conversations/{attributes['conversationSid']}"
    changes = [
        ("taskrouter", SPACE, {"EventCallbackUrl": "http://127.0.0.1:9/"}),
        ("taskrouter", f"{task}/Reservations/{reservation['sid']}", {"ReservationStatus": "accepted"}),
        ("taskrouter", task, {"Attributes": json.dumps(attributes | {"outcome": "ok"})}),
        ("conversations", f"{talk}/Messages", {"Author": "agent", "Body": "Hello", "Attributes": "{}"}),
        ("conversations", f"{talk}/Messages", {"Author": "agent", "ContentSid": defaults.CONTENT_TEMPLATES[2].sid}),
        ("conversations", "/v1/Conversations", {"FriendlyName": "Another"}),
        ("flex-api", f"{channel}/Invites", {"Routing": '{"properties":{}}'}),
        ("flex-api", f"{channel}/Participants", {"Type": "supervisor", "MediaProperties": '{"identity":"mona"}'}),
        ("flex-api", f"{channel}/Transfers", {}),
        ("flex-api", channel, {"Status": "closed", "Routing": '{"status":"closed"}'}),
    ]

    answers = [(*change, wire.ask("POST", *change)) for change in changes]

    wrong = {path: twilio.answer_errors(product, "POST", path, answer) for product, path, _form, answer in answers}
    assert {path: errors for path, errors in wrong.items() if errors} == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sid": "KD1"}, "does not match"),
        ({"url": 1}, "is not of type"),
        ({"webhook_ttid": ...}, "'webhook_ttid' is a required property"),
        ({"conversation_sid": "CH1"}, "Additional properties are not allowed"),
    ],
)
def test_a_wrong_answer_would_be_noticed(change: dict[str, Any], words: str, wire: Wire, twilio: Contract) -> None:
    made = wire.open() | change
    made = {name: value for name, value in made.items() if value is not ...}

    errors = twilio.answer_errors("flex-api", "POST", "/v1/Interactions", made)

    assert any(words in error for error in errors), errors
