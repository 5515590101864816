"""Whether an agent is there in Flex: asked of a real sandbox in the background, told by callbacks, and heeded."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db.models import F
from django.test import Client
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound.models import Account, Interaction, Presence, Source, Worker
from flex_outbound.models.setup import forget_setup
from flex_outbound.outbox import presence, sweep
from flex_outbound.outbox.jobs import Job
from flex_outbound.sandbox import defaults
from flex_outbound.webhooks.read import Callback
from flex_outbound.webhooks.store import store
from tests.integration.pipeline.conftest import Sandbox, make_agent, run_due

OFFLINE, AVAILABLE, BREAK = (defaults.ACTIVITIES[name] for name in ("Offline", "Available", "Break"))
WORKER = defaults.WORKERS["agent"]
Ask = Callable[[], dict[str, Any]]


@pytest.fixture(autouse=True)
def _nobody_looked() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def channels(user: User, contact: Contact, live: str = "?live=1", **headers: str) -> Any:
    """Ask for a contact's channels as a page does."""
    client = Client()
    client.force_login(user)
    return client.get(f"/flex/api/contacts/crm_demo.contact/{contact.pk}/channels/{live}", headers=headers)


@pytest.fixture
def look(agent: User, contact: Contact, sandbox: Sandbox) -> Ask:
    """Look at a contact's page live; the jobs are done by ``run_due``."""
    return lambda: {one["channel"]: one for one in channels(agent, contact).json()["channels"]}


def become(sandbox: Sandbox, **change: Any) -> None:
    """Change the agent's worker in the sandbox."""
    sandbox.http.post(f"workers/{WORKER}", json=change).raise_for_status()


def grow_old(seconds: float) -> None:
    """Let time pass for what is known of agents."""
    shift = timedelta(seconds=seconds)
    names = ("asked_at", "seen_at", "told_at")
    Presence.objects.update(**{name: F(name) - shift for name in names})


def questions(sandbox: Sandbox) -> list[str]:
    """Return the paths of what was asked about workers."""
    asked = sandbox.http.get("requests", params={"last": 1000}).json()["requests"]
    return [one["path"] for one in asked if "/Workers/" in one["path"]]


def tell(account: Account, event: str, at: Any = None, **more: str) -> bool:
    """Let TaskRouter tell about the agent's worker."""
    params = {
        "AccountSid": account.account_sid,
        "WorkspaceSid": account.workspace_sid,
        "EventType": event,
        "WorkerSid": WORKER,
        "WorkerName": "agent",
        "TimestampMs": str(int((at or timezone.now()).timestamp() * 1000)),
    }
    return store(account, Source.TASKROUTER, Callback(params | more, None), f"{event}{timezone.now()}")


# -- asking ------------------------------------------------------------------------------------------------------------


def test_a_page_is_answered_before_twilio_is_asked(look: Ask, sandbox: Sandbox) -> None:
    found = look()
    assert found["sms"]["enabled"]
    assert found["sms"]["presence"]["state"] == "unknown"
    assert not found["sms"]["presence"]["is_certain"]
    assert questions(sandbox) == []


def test_an_available_agent_is_ready(look: Ask, sandbox: Sandbox) -> None:
    look()
    run_due()
    found = look()
    assert (found["sms"]["enabled"], found["sms"]["presence"]["state"]) == (True, "available")
    assert found["sms"]["presence"]["assigned"] == 0
    assert len(questions(sandbox)) == 2


def test_an_offline_agent_reads_since_when_and_what_to_do(look: Ask, sandbox: Sandbox) -> None:
    become(sandbox, activity="Offline")
    look()
    run_due()
    sms = look()["sms"]
    assert (sms["enabled"], sms["reason"]) == (False, "worker_offline")
    assert sms["reason_text"].startswith("Offline in Flex since ")
    assert sms["remedy"] == "Set your status in Flex to available."
    assert sms["presence"]["since_text"] in sms["reason_text"]

    become(sandbox, activity="Available")
    grow_old(presence.PAUSE + 1)
    look()
    run_due()
    assert look()["sms"]["enabled"]


def test_a_full_channel_is_counted_and_others_go(look: Ask, sandbox: Sandbox) -> None:
    become(sandbox, full="chat")
    look()
    run_due()
    found = look()
    assert (found["sms"]["enabled"], found["sms"]["reason"]) == (False, "worker_full")
    assert "chat 0 of 0" in found["sms"]["reason_text"]
    assert (found["whatsapp"]["reason"], found["email"]["enabled"]) == ("worker_full", True)


def test_a_senders_own_task_channel_counts(look: Ask, sandbox: Sandbox, senders: list[Any]) -> None:
    become(sandbox, full="chat")
    for one in senders:
        one.task_channel = defaults.TASK_CHANNELS["sms"]
        one.save()
    look()
    run_due()
    found = look()
    assert (found["sms"]["enabled"], found["sms"]["presence"]["task_channel"]) == (True, "sms")


@pytest.mark.parametrize("fault", [{"status": 403, "code": 20003}, {"status": 500, "code": 20500}])
def test_what_twilio_refuses_to_say_is_said_and_refuses_nothing(
    look: Ask, sandbox: Sandbox, fault: dict[str, int]
) -> None:
    sandbox.fault("status", f"/Workers/{WORKER}$", "GET", times=None, **fault)
    look()
    run_due()
    sms = look()["sms"]
    assert (sms["enabled"], sms["presence"]["state"], sms["presence"]["is_certain"]) == (True, "unknown", False)
    assert "does not say" in sms["presence"]["text"]


def test_an_activity_is_known_where_the_room_may_not_be_read(look: Ask, sandbox: Sandbox) -> None:
    sandbox.fault("status", f"/Workers/{WORKER}/Channels", "GET", times=None, status=403, code=20003)
    look()
    run_due()
    assert look()["sms"]["presence"]["state"] == "available"


def test_twilio_that_takes_half_a_minute_holds_up_nobody(
    look: Ask, sandbox: Sandbox, click: Callable[..., Interaction], settings: Any, monkeypatch: Any
) -> None:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "HTTP_TIMEOUT": (0.5, 5.0)}
    monkeypatch.setattr(presence, "TIMEOUT", (0.5, 0.5))
    become(sandbox, slow_ms=30_000)
    began = timezone.now()
    assert look()["sms"]["enabled"]
    assert timezone.now() - began < timedelta(seconds=2)
    run_due()
    assert timezone.now() - began < timedelta(seconds=4)
    assert Presence.objects.get().problem
    assert "does not say" in look()["sms"]["presence"]["text"]
    row = click()
    run_due()
    row.refresh_from_db()
    assert row.status == "created"
    grow_old(presence.PAUSE + 1)
    look()
    assert Presence.objects.get().next_at is None, "it is asked again later"


def test_fifty_agents_at_one_contact_cost_one_question_each(
    account: Account, agent: User, contact: Contact, sandbox: Sandbox
) -> None:
    agents = [User.objects.create_user(f"agent{number}") for number in range(49)]
    for number, user in enumerate(agents):
        user.user_permissions.set(agent.user_permissions.all())
        Worker.objects.create(account=account, user=user, worker_sid=f"WK{number:032x}", friendly_name=user.username)
    clients = [Client() for _ in (*agents, agent)]
    for client, user in zip(clients, (*agents, agent), strict=True):
        client.force_login(user)
    url = f"/flex/api/contacts/crm_demo.contact/{contact.pk}/channels/?live=1"
    for _ in range(3):
        assert all(client.get(url).status_code == 200 for client in clients)
        sweep.sweep(sweep.run)
        Presence.objects.filter(next_at__isnull=False).update(next_at=timezone.now() - timedelta(seconds=1))
    asked = [path for path in questions(sandbox) if not path.endswith("/Channels")]
    assert len(asked) == len(set(asked)) == 50


def test_a_live_poll_costs_twilio_nothing_and_is_answered_304(
    look: Ask, agent: User, contact: Contact, sandbox: Sandbox, django_assert_max_num_queries: Any
) -> None:
    look()
    run_due()
    tag = channels(agent, contact)["ETag"]
    before = questions(sandbox)
    client = Client()
    client.force_login(agent)
    url = f"/flex/api/contacts/crm_demo.contact/{contact.pk}/channels/?live=1"
    # Session, user, permissions and contact; the windows of WhatsApp, and the agent's presence.
    with django_assert_max_num_queries(6):
        answer = client.get(url, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.content) == (304, b"")
    assert questions(sandbox) == before


def test_a_contact_page_asks_twilio_nothing(look: Ask, agent: User, contact: Contact, sandbox: Sandbox) -> None:
    become(sandbox, activity="Offline")
    look()
    run_due()
    before = questions(sandbox)
    forget_setup()  # it is read with the senders, which are kept for seconds
    client = Client()
    client.force_login(agent)
    html = client.get(contact.get_absolute_url()).content.decode()
    assert "Offline in Flex since" in html, "what our rows know stands there without a script"
    assert questions(sandbox) == before


def test_a_lost_job_is_found_by_the_sweep(look: Ask, sandbox: Sandbox) -> None:
    look()
    assert (Job.PRESENCE, Account.objects.get().pk) in sweep.due_jobs()
    run_due()
    assert Job.PRESENCE not in [job for job, _account in sweep.due_jobs()]


def test_a_worker_who_is_gone_at_twilio_is_no_error(look: Ask, sandbox: Sandbox) -> None:
    Worker.objects.update(worker_sid="WK" + "0" * 32)
    assert look()["sms"]["enabled"]
    run_due()
    found = Presence.objects.get()
    assert (found.is_available, found.problem, found.next_at) == (None, "", None)


def test_questions_stay_within_their_budget(look: Ask, sandbox: Sandbox, settings: Any) -> None:
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "RATE_LIMITS": {"workers": "2/minute"}}
    look()
    run_due()
    make_agent(Account.objects.get(), "bea")
    channels(User.objects.get(username="bea"), Contact.objects.get())
    run_due()
    assert len(questions(sandbox)) == 2
    waiting = Presence.objects.get(worker__worker_sid=defaults.WORKERS["bea"])
    assert waiting.next_at is not None
    assert waiting.next_at > timezone.now()


# -- hearing -----------------------------------------------------------------------------------------------------------


def known(look: Ask, **change: Any) -> Presence:
    """Let the agent be seen once, and return the row."""
    look()
    run_due()
    Presence.objects.update(activities={OFFLINE: False, AVAILABLE: True}, **change)
    return Presence.objects.get()


def test_a_callback_tells_of_an_activity_without_a_question(look: Ask, account: Account, sandbox: Sandbox) -> None:
    known(look)
    before = questions(sandbox)
    at = timezone.now() + timedelta(seconds=1)
    assert not tell(account, "worker.activity.update", at, WorkerActivitySid=OFFLINE, WorkerActivityName="Offline")
    assert look()["sms"]["reason"] == "worker_offline"
    assert questions(sandbox) == before


def test_an_activity_that_nobody_knows_is_asked_about(look: Ask, account: Account, sandbox: Sandbox) -> None:
    known(look)
    become(sandbox, activity="Break")
    tell(account, "worker.activity.update", WorkerActivitySid=BREAK, WorkerActivityName="Break")
    assert look()["sms"]["presence"]["state"] == "unknown"
    run_due()
    assert look()["sms"]["reason_text"].startswith("Break in Flex since ")


def test_callbacks_in_any_order_end_in_the_same(look: Ask, account: Account) -> None:
    known(look)
    now = timezone.now()
    late = {"WorkerActivitySid": AVAILABLE, "WorkerActivityName": "Available"}
    tell(account, "worker.activity.update", now, WorkerActivitySid=OFFLINE, WorkerActivityName="Offline")
    tell(account, "worker.activity.update", now - timedelta(seconds=1), **late)
    assert Presence.objects.get().is_available is False


def test_a_time_in_the_future_does_not_outdo_what_comes(look: Ask, account: Account) -> None:
    known(look)
    ahead = timezone.now() + timedelta(days=1)
    tell(account, "worker.activity.update", ahead, WorkerActivitySid=OFFLINE, WorkerActivityName="Offline")
    tell(account, "worker.activity.update", WorkerActivitySid=AVAILABLE, WorkerActivityName="Available")
    assert Presence.objects.get().is_available is True


def test_a_worker_of_another_account_changes_nothing(look: Ask, account: Account) -> None:
    known(look)
    other = Account.objects.create(name="Other", account_sid="AC" + "9" * 32, workspace_sid="WS" + "9" * 32)
    tell(other, "worker.activity.update", WorkerActivitySid=OFFLINE, WorkerActivityName="Offline")
    assert Presence.objects.get().is_available is True


@pytest.mark.parametrize(
    "params", [{"WorkerSid": "nobody"}, {"WorkerActivitySid": "x"}, {"WorkerSid": "WK" + "7" * 32}]
)
def test_a_nonsensical_callback_changes_nothing(look: Ask, account: Account, params: dict[str, str]) -> None:
    known(look)
    tell(account, "worker.activity.update", **{"WorkerActivitySid": OFFLINE, **params})
    assert Presence.objects.get().is_available is True


def test_an_answer_from_before_a_callback_does_not_undo_it(
    look: Ask, account: Account, sandbox: Sandbox, monkeypatch: Any
) -> None:
    known(look)
    asked = presence._ask

    def told_meanwhile(*args: Any) -> presence.Answer:
        answer = asked(*args)
        tell(account, "worker.activity.update", WorkerActivitySid=OFFLINE, WorkerActivityName="Offline")
        return answer

    monkeypatch.setattr(presence, "_ask", told_meanwhile)
    grow_old(presence.PAUSE + 1)
    look()
    run_due()
    assert Presence.objects.get().is_available is False


def test_a_channel_that_changes_is_asked_about_again(look: Ask, account: Account, sandbox: Sandbox) -> None:
    known(look)
    become(sandbox, full="chat")
    tell(account, "worker.capacity.update", TaskChannelUniqueName="chat")
    assert look()["sms"]["presence"]["capacity"] is None
    run_due()
    assert look()["sms"]["reason"] == "worker_full"


def test_a_reservation_has_the_room_of_who_is_looked_at_counted_anew(
    look: Ask, account: Account, sandbox: Sandbox
) -> None:
    known(look)
    tell(account, "reservation.accepted", ReservationSid="WR" + "1" * 32)
    assert Presence.objects.get().next_at is not None
    Presence.objects.update(next_at=None)
    cache.clear()
    tell(account, "reservation.accepted", ReservationSid="WR" + "1" * 32)
    assert Presence.objects.get().next_at is None, "nobody looks"


# -- at dispatch -------------------------------------------------------------------------------------------------------


def test_who_is_surely_offline_opens_nothing_and_is_told(
    look: Ask, sandbox: Sandbox, click: Callable[..., Interaction]
) -> None:
    sandbox.options(offline_worker="accept")
    become(sandbox, activity="Offline")
    look()
    run_due()
    row = click(body="Hello")
    run_due()
    row.refresh_from_db()
    assert (row.status, row.error_reason, row.may_retry) == ("failed", "worker_offline", True)
    assert "available" in row.error_message
    assert sandbox.interactions == []


@pytest.mark.parametrize("age", [31, 4000])
def test_what_is_older_keeps_nothing_from_being_sent(
    look: Ask, sandbox: Sandbox, click: Callable[..., Interaction], age: int
) -> None:
    become(sandbox, activity="Offline")
    look()
    run_due()
    become(sandbox, activity="Available")
    grow_old(age)
    row = click()
    run_due()
    row.refresh_from_db()
    assert row.status == "created"


def test_an_agent_who_goes_in_the_second_of_the_click_is_told(
    look: Ask, sandbox: Sandbox, click: Callable[..., Interaction]
) -> None:
    sandbox.options(offline_worker="accept", reserve_delay_ms=60_000)
    look()
    run_due()
    row = click()
    become(sandbox, activity="Offline")
    run_due()
    row.refresh_from_db()
    assert row.status == "created"
    sandbox.act(str(row.task_sid), "cancel")
    run_due(400)
    run_due(400)
    row.refresh_from_db()
    assert (row.status, row.error_reason) == ("failed", "task_canceled")
    assert row.error_message


def test_the_control_call_refuses_nonsense(sandbox: Sandbox) -> None:
    for body in ({}, {"mood": "good"}, {"capacity": {"fax": 1}}, {"full": "fax"}, {"capacity": {"chat": -1}}):
        answer: httpx.Response = sandbox.http.post(f"workers/{WORKER}", json=body)
        assert answer.status_code == 400, body
