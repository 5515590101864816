"""What the setup names and Twilio does not have is found, each with its remedy."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User

from crm_demo.models import Contact
from flex_outbound.channels import Channel
from flex_outbound.gateway.directory import TwilioDirectory
from flex_outbound.gateway.resources import ListedResource
from flex_outbound.models import Account, Message, Sender, Worker
from flex_outbound.outbox.enqueue import Click, enqueue
from flex_outbound.sandbox import defaults
from flex_outbound.setup.doctor import twilio
from flex_outbound.setup.doctor.results import CheckResult, Level

from .conftest import Sandbox

NOWHERE = "0" * 32


def ask(account: Account) -> list[CheckResult]:
    account.refresh_from_db()
    results = list(twilio.check(twilio.Setup.of(account), (1.0, 1.0)))
    assert all(result.remedy for result in results if result.level != Level.OK)
    assert {result.account for result in results} == {account.name}
    return results


def levels(results: list[CheckResult]) -> dict[str, Level]:
    """Return the worst level of every part."""
    order = [Level.OK, Level.WARNING, Level.ERROR]
    found: dict[str, Level] = {}
    for result in results:
        found[result.part] = max(found.get(result.part, Level.OK), result.level, key=order.index)
    return found


WELL = dict.fromkeys(
    ["credentials", "workspace", "rights", "workflow", "queues", "flex_workers", "senders", "conversations"], Level.OK
)


@pytest.fixture
def whole(sandbox: Sandbox, account: Account, senders: dict[Channel, Sender], worker: Worker) -> Account:
    """An account with everything in place."""
    return account


def test_a_setup_that_is_right_is_green(whole: Account) -> None:
    assert levels(ask(whole)) == WELL


BROKEN: list[tuple[Callable[[], Any], str, Level, str]] = [
    (lambda: Account.objects.update(workflow_sid="WW" + NOWHERE), "workflow", Level.ERROR, NOWHERE),
    (
        lambda: Sender.objects.filter(channel="sms").update(workflow_sid="WW" + NOWHERE),
        "workflow",
        Level.ERROR,
        NOWHERE,
    ),
    (lambda: Sender.objects.filter(channel="sms").update(queue_sid="WQ" + NOWHERE), "queues", Level.ERROR, NOWHERE),
    (lambda: Worker.objects.update(queue_sid="WQ" + NOWHERE), "queues", Level.ERROR, NOWHERE),
    (lambda: Worker.objects.update(worker_sid="WK" + NOWHERE), "flex_workers", Level.ERROR, "agent"),
    (lambda: Worker.objects.update(worker_sid=defaults.WORKERS["dana"]), "flex_workers", Level.WARNING, "0 of 1"),
    (lambda: Worker.objects.update(is_active=False), "flex_workers", Level.WARNING, "No user"),
    (
        lambda: Sender.objects.filter(channel="sms").update(address="+15005550000"),
        "senders",
        Level.WARNING,
        "+15005550000",
    ),
    (
        lambda: Sender.objects.filter(channel="email").update(address="x@example.org"),
        "senders",
        Level.WARNING,
        "x@example",
    ),
    (lambda: Sender.objects.update(is_active=False), "senders", Level.ERROR, "no active sender"),
]


@pytest.mark.parametrize(("harm", "part", "level", "words"), BROKEN)
def test_what_is_gone_is_named(harm: Callable[[], Any], part: str, level: Level, words: str, whole: Account) -> None:
    harm()
    results = ask(whole)
    assert levels(results) == WELL | {part: level}
    assert words in " ".join(result.summary for result in results if result.level == level)


def test_an_address_is_compared_without_its_case(whole: Account) -> None:
    sender = Sender.objects.get(channel="email")
    Sender.objects.filter(pk=sender.pk).update(address=sender.address.upper())
    assert levels(ask(whole)) == WELL


@pytest.mark.parametrize(("sid", "words"), [("WS" + NOWHERE, NOWHERE), ("", "No workspace is chosen")])
def test_without_a_workspace_nothing_more_is_asked(sid: str, words: str, whole: Account) -> None:
    Account.objects.update(workspace_sid=sid)
    results = ask(whole)
    assert levels(results) == {"credentials": Level.OK, "workspace": Level.ERROR}
    assert words in results[-1].summary


def test_wrong_credentials_are_one_red_line(whole: Account) -> None:
    Account.objects.update(api_key_secret="wrong")
    (result,) = ask(whole)
    assert (result.part, result.level) == ("credentials", Level.ERROR)
    assert "wrong" not in repr(result)


def test_twilio_down_is_one_red_line(whole: Account, settings: Any) -> None:
    settings.FLEX_OUTBOUND = settings.FLEX_OUTBOUND | {"API_BASE_URL": "http://127.0.0.1:9"}
    assert levels(ask(whole)) == {"credentials": Level.ERROR}


def test_a_part_that_twilio_does_not_show_is_yellow_and_the_rest_is_asked(whole: Account, sandbox: Sandbox) -> None:
    sandbox.fault("status", path="/TaskQueues", method="GET", status=403, times=None)
    sandbox.fault("status", path="/Senders", method="GET", status=403, times=None)
    assert levels(ask(whole)) == WELL | {"queues": Level.WARNING, "senders": Level.WARNING}


def test_a_part_over_which_twilio_stumbles_is_red_and_the_rest_is_asked(whole: Account, sandbox: Sandbox) -> None:
    sandbox.fault("status", path="/Workflows", method="GET", status=503, times=None)
    assert levels(ask(whole)) == WELL | {"workflow": Level.ERROR}


def test_templates_are_asked_for_where_some_were_used(whole: Account, make_message: Callable[[str], None]) -> None:
    make_message(defaults.CONTENT_TEMPLATES[0].sid)
    assert levels(ask(whole)) == WELL | {"templates": Level.OK}
    make_message("HX" + NOWHERE)
    assert levels(ask(whole)) == WELL | {"templates": Level.WARNING}


@pytest.fixture
def make_message(agent: User) -> Callable[[str], None]:
    """Write a first message from a template, to a contact of its own."""

    def make(content_sid: str) -> None:
        contact = Contact.objects.create(full_name="Ann", mobile=f"+1415555{4000 + Contact.objects.count()}")
        row = enqueue(Click(agent, "crm_demo.contact", str(contact.pk), "sms", body="Hello"))
        Message.objects.filter(interaction=row).update(body="", content_sid=content_sid)

    return make


def test_problem_of_the_work_stands_first(whole: Account) -> None:
    Account.objects.update(problem_code=21606, problem_text="said", problem_at="2025-01-01T00:00:00Z")
    assert ask(whole)[0].part == "problem"


def test_conversations_that_stay_open_for_ever_are_a_warning(whole: Account, sandbox: Sandbox) -> None:
    with httpx.Client(base_url=sandbox.url, auth=(defaults.ACCOUNT_SID, defaults.AUTH_TOKEN)) as http:
        http.post("/conversations/v1/Configuration", data={"DefaultClosedTimer": ""}).raise_for_status()
        found = ask(whole)
        assert levels(found)["conversations"] == Level.WARNING
        other = http.post("/conversations/v1/Services", data={"FriendlyName": "Other"}).json()["sid"]
        http.post("/conversations/v1/Configuration", data={"DefaultChatServiceSid": other}).raise_for_status()
    service, timer = [one for one in ask(whole) if one.part == "conversations"]
    assert (service.level, other in service.summary) == (Level.WARNING, True)
    assert (timer.level, "never closed" in timer.summary) == (Level.WARNING, True)


RIGHTS = {
    "/v1/Interactions/KD0": (Level.ERROR, "Flex Interactions"),
    "/conversations/v1/Configuration$": (Level.ERROR, "Conversations"),
    "/content/v1/Content$": (Level.WARNING, "Content"),
}


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("path", RIGHTS)
def test_a_right_that_the_key_lacks_is_named(path: str, status: int, whole: Account, sandbox: Sandbox) -> None:
    sandbox.fault("status", path=path, method="GET", status=status, times=None)
    level, name = RIGHTS[path]
    (line,) = [one for one in ask(whole) if one.part == "rights"]
    assert (line.level, line.summary) == (level, f"The API key lacks rights: Twilio refuses it {name}.")


def test_a_key_without_a_right_to_the_workspace_is_not_called_wrong(whole: Account, sandbox: Sandbox) -> None:
    sandbox.fault("status", path="/taskrouter/v1/Workspaces$", method="GET", status=403, times=None)
    (line,) = ask(whole)
    assert (line.part, line.level, "TaskRouter" in line.summary) == ("rights", Level.ERROR, True)


def test_several_workflows_and_no_choice_are_said_before_there_is_a_sender(
    whole: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    several = [ListedResource(sid, "W") for sid in (defaults.WORKFLOW_SID, "WW" + NOWHERE)]
    monkeypatch.setattr(TwilioDirectory, "workflows", lambda *_args: iter(several))
    Sender.objects.update(workflow_sid="")
    Account.objects.update(workflow_sid="")
    assert levels(ask(whole))["workflow"] == Level.ERROR
    Sender.objects.update(is_active=False)
    assert levels(ask(whole))["workflow"] == Level.ERROR
    Account.objects.update(workflow_sid=defaults.WORKFLOW_SID)
    assert levels(ask(whole))["workflow"] == Level.OK
