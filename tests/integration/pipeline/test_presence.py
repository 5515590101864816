"""Whether an agent is there in Flex: asked of a real sandbox in the background."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound.models import Account, Interaction, Presence, Worker
from flex_outbound.models.setup import forget_setup
from flex_outbound.outbox import presence, sweep
from flex_outbound.outbox.jobs import Job
from flex_outbound.sandbox import defaults
from tests.integration.pipeline.agents import WORKER, become, grow_old, questions
from tests.integration.pipeline.conftest import Ask, Sandbox, channels, make_agent, run_due

pytestmark = pytest.mark.usefixtures("nobody_looked")

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
    assert sms["remedy"] == (
        "Set your status in Flex to available. Or send a message that opens when the customer answers."
    )
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


def test_the_answers_about_many_agents_are_two_statements(
    look: Ask, account: Account, contact: Contact, sandbox: Sandbox, monkeypatch: Any
) -> None:
    names = ("bea", "carlos")
    for name in names:
        channels(make_agent(account, name), contact)
    look()
    with CaptureQueriesContext(connection) as asked:
        assert presence.ask_due(account.pk) == 1 + len(names)
    told = [one["sql"] for one in asked if "flex_outbound_presence" in one["sql"].partition(" WHERE ")[0]]
    # Those that are due are read and taken; then the answers are read and written.
    assert len(told) == 4
    assert set(Presence.objects.values_list("is_available", "next_at")) == {(True, None)}


def test_a_live_poll_costs_twilio_nothing_and_is_answered_304(
    look: Ask, agent: User, contact: Contact, sandbox: Sandbox, django_assert_max_num_queries: Any
) -> None:
    look()
    run_due()
    tag = channels(agent, contact, "?live=presence")["ETag"]
    before = questions(sandbox)
    client = Client()
    client.force_login(agent)
    url = f"/flex/api/contacts/crm_demo.contact/{contact.pk}/channels/?live=presence"
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
