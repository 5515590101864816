"""What an agent can do about an open conversation: take it up, ask for it, take it over, close it."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound.contacts import adapter_for
from flex_outbound.models import Account, Closing, Conversation, ConversationHolder, Interaction, Sender, Worker
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import closings
from flex_outbound.statuses import Status

from .conftest import Sandbox, run_due
from .elsewhere import Twilio
from .pages import live, signed_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("indexed")]
Clicker = Callable[..., Interaction]


def _up(click: Clicker, sandbox: Sandbox, **changes: Any) -> Interaction:
    row = click(**changes)
    run_due()
    run_due(2.5)
    row.refresh_from_db()
    sandbox.act(row.task_sid or "", "accept")
    for _poll in range(3):
        run_due(400)
    row.refresh_from_db()
    assert row.status == Status.ACTIVE
    return row


def _left(click: Clicker, sandbox: Sandbox, **changes: Any) -> Interaction:
    row = _up(click, sandbox, **changes)
    sandbox.act(row.task_sid or "", "leave")
    for _poll in range(6):
        run_due(400)
    row.refresh_from_db()
    assert (row.status, row.is_left_open) == (Status.CLOSED, True)
    return row


# -- what can be done --------------------------------------------------------------------------------------------------


def test_nobodys_that_was_opened_elsewhere_is_closed_and_the_click_goes(
    agent: User, contact: Contact, click: Clicker, twilio: Twilio, sandbox: Sandbox
) -> None:
    sid = twilio.begin()
    client = signed_in(agent)
    shown = live(agent, contact)["open_conversation"]
    for _press in range(2):
        assert client.post(shown["close_url"]).status_code == 202
    run_due()
    assert [one["state"] for one in sandbox.state()["conversations"] if one["sid"] == sid] == ["closed"]
    assert live(agent, contact)["open_conversation"] is None
    row = click()
    run_due()
    row.refresh_from_db()
    assert row.status in (Status.CREATED, Status.ACTIVE)


def test_what_somebody_has_taken_since_the_look_is_not_closed(
    agent: User, colleague: User, contact: Contact, twilio: Twilio, sandbox: Sandbox
) -> None:
    sid = twilio.begin()
    shown = live(agent, contact)["open_conversation"]
    sandbox.act(twilio.give(sid, "bea"), "accept")
    assert signed_in(agent).post(shown["close_url"]).status_code == 202
    run_due()
    assert [one["state"] for one in sandbox.state()["conversations"] if one["sid"] == sid] == ["active"]
    assert ConversationHolder.objects.get().close_error == "taken"


@pytest.mark.parametrize("way", ["conversation", "interaction"])
def test_what_was_left_here_and_taken_in_flex_since_the_look_is_not_closed(
    agent: User, colleague: User, contact: Contact, click: Clicker, twilio: Twilio, sandbox: Sandbox, way: str
) -> None:
    row = _left(click, sandbox)
    shown = live(agent, contact)["open_conversation"]
    assert shown["whose"] == "nobody"
    sandbox.act(twilio.give(str(row.conversation_sid), "bea"), "accept")
    url = shown["close_url"] if way == "conversation" else f"/flex/api/interactions/{row.pk}/close/"
    assert signed_in(agent).post(url).status_code == 202
    run_due()
    [conversation] = sandbox.state()["conversations"]
    closing = Closing.objects.get()
    assert (conversation["state"] != "closed", closing.error, closing.closed_at) == (True, "taken", None)
    assert live(agent, contact)["open_conversation"]["agent"] == "Bea"


def test_a_closing_waits_for_its_turn_to_look(click: Clicker, sandbox: Sandbox, monkeypatch: Any) -> None:
    row = _left(click, sandbox)
    closings.close_left(row)
    with monkeypatch.context() as patch:
        patch.setattr(closings.ratelimit, "take", lambda *_args: 3.0)
        run_due()
    assert Closing.objects.get().closed_at is None
    run_due(4)
    assert Closing.objects.get().closed_at is not None


def test_nobodys_that_was_opened_here_is_taken_up(
    agent: User, colleague: User, contact: Contact, click: Clicker, sandbox: Sandbox
) -> None:
    row = _left(click, sandbox)
    shown = live(colleague, contact)["open_conversation"]
    assert (shown["whose"], shown["agent"], shown["choices"]) == ("nobody", "Agent", ["take_up", "close"])
    client = signed_in(colleague)
    answers = [client.post(shown["join_url"], {"idempotency_key": "once"}) for _press in range(2)]
    assert [one.status_code for one in answers] == [202, 202]
    assert len({one.json()["id"] for one in answers}) == 1
    run_due()
    invited = Interaction.objects.get(continues=row)
    assert (invited.agent, invited.conversation_sid) == (colleague, row.conversation_sid)
    sandbox.act(invited.task_sid or "", "accept")
    for _poll in range(3):
        run_due(400)
    assert live(colleague, contact)["open_conversation"]["whose"] == "mine"
    assert len(sandbox.state()["conversations"]) == 1


def test_a_colleagues_is_asked_for_and_handed_over(
    agent: User, colleague: User, contact: Contact, click: Clicker, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[Any, Any, Any]] = []
    adapter = adapter_for(Contact)
    monkeypatch.setattr(type(adapter), "notify_handover", lambda _self, *given: told.append(given))
    row = _up(click, sandbox)
    sid = row.conversation_sid
    shown = live(colleague, contact)["open_conversation"]
    assert (shown["whose"], shown["agent"], shown["choices"]) == ("colleague", "Agent", ["ask"])
    hers, his = signed_in(colleague), signed_in(agent)
    for _press in range(2):
        asked = hers.post(shown["ask_url"]).json()
        assert (asked["is_asked_by_you"], asked["choices"]) == (True, [])
    assert [(one[0], one[2]) for one in told] == [(agent, colleague)]
    [inbox] = his.get("/flex/api/inbox/").json()["results"]
    assert inbox["asked_by"] == "Bea"
    mine = live(agent, contact)["open_conversation"]
    assert (mine["asked_by"], mine["choices"][:2]) == ("Bea", ["hand_over", "keep"])
    assert his.post(mine["hand_over_url"]).status_code == 202
    again = his.post(mine["hand_over_url"])
    assert (again.status_code, again.json()["code"]) == (409, "not_asked")
    run_due()
    invited = Interaction.objects.get(continues=row)
    assert (invited.agent, invited.conversation_sid) == (colleague, sid)
    sandbox.act(invited.task_sid or "", "accept")
    for _poll in range(4):
        run_due(400)
    assert live(colleague, contact)["open_conversation"]["whose"] == "mine"
    assert len(sandbox.state()["conversations"]) == 1


def test_a_colleague_may_keep_it(
    agent: User, colleague: User, contact: Contact, click: Clicker, sandbox: Sandbox
) -> None:
    row = _up(click, sandbox)
    path = f"/flex/api/conversations/{row.conversation_sid}/"
    assert signed_in(colleague).post(f"{path}ask/").status_code == 200
    kept = signed_in(agent).post(f"{path}keep/").json()
    assert (kept["asked_by"], kept["whose"]) == (None, "mine")
    assert signed_in(colleague).post(f"{path}keep/").json()["code"] == "not_yours"


def test_one_asks_at_a_time(
    agent: User, colleague: User, supervisor: User, contact: Contact, click: Clicker, sandbox: Sandbox
) -> None:
    row = _up(click, sandbox)
    path = f"/flex/api/conversations/{row.conversation_sid}/ask/"
    assert signed_in(colleague).post(path).status_code == 200
    second = signed_in(supervisor).post(path)
    assert (second.status_code, second.json()["code"]) == (409, "asked_already")
    assert "Bea" in second.json()["detail"]
    Conversation.objects.update(asked_at=timezone.now() - timedelta(hours=1))
    assert signed_in(supervisor).post(path).status_code == 200


def test_handing_over_to_somebody_who_went_away_keeps_it(
    agent: User, colleague: User, contact: Contact, click: Clicker, sandbox: Sandbox
) -> None:
    row = _up(click, sandbox)
    path = f"/flex/api/conversations/{row.conversation_sid}/"
    signed_in(colleague).post(f"{path}ask/")
    Worker.objects.filter(user=colleague).update(is_active=False)
    answer = signed_in(agent).post(f"{path}hand-over/")
    assert (answer.status_code, answer.json()["code"]) == (409, "asker_gone")
    assert "stays yours" in answer.json()["detail"]
    assert not Interaction.objects.filter(continues=row).exists()


def test_only_who_may_takes_over_what_a_colleague_has(
    agent: User, colleague: User, supervisor: User, contact: Contact, click: Clicker, sandbox: Sandbox
) -> None:
    row = _up(click, sandbox)
    path = f"/flex/api/conversations/{row.conversation_sid}/join/"
    refused = signed_in(colleague).post(path)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_supervisor")
    shown = live(supervisor, contact)["open_conversation"]
    assert shown["choices"] == ["ask", "take_over", "invite"]
    assert signed_in(supervisor).post(path, {"idempotency_key": "k"}).status_code == 202
    mine = signed_in(agent).post(path)
    assert (mine.status_code, mine.json()["code"]) == (409, "already_yours")


def test_who_may_not_send_may_do_nothing(agent: User, contact: Contact, click: Clicker, sandbox: Sandbox) -> None:
    row = _up(click, sandbox)
    eve = User.objects.create_user("eve")
    client = signed_in(eve)
    for name in ("join", "ask", "hand-over", "keep", "close"):
        assert client.post(f"/flex/api/conversations/{row.conversation_sid}/{name}/").status_code == 403
        plain = client.post(f"/flex/conversations/{row.conversation_sid}/{name}/")
        assert plain.status_code in (403, 404)
    for sid in ("CH" + "0" * 32, "nonsense", "CH" + "z" * 32):
        assert signed_in(agent).post(f"/flex/api/conversations/{sid}/ask/").status_code == 404


def test_a_conversation_that_was_closed_between_look_and_click_says_so(
    agent: User, colleague: User, contact: Contact, click: Clicker, sandbox: Sandbox
) -> None:
    row = _up(click, sandbox)
    Conversation.objects.filter(pk=key_of(str(row.conversation_sid))).update(state="closed")
    path = f"/flex/api/conversations/{row.conversation_sid}/"
    for user, name in ((colleague, "ask"), (colleague, "join"), (agent, "hand-over")):
        answer = signed_in(user).post(f"{path}{name}/")
        assert (answer.status_code, answer.json()["code"]) == (409, "conversation_closed"), name
    answer = signed_in(agent).post(f"{path}messages/", {"body": "Hello"})
    assert (answer.status_code, answer.json()["code"]) == (409, "conversation_closed")


def test_fifty_agents_at_one_contact_are_one_interaction_and_clear_answers(
    agent: User, contact: Contact, account: Account, senders: list[Sender], sandbox: Sandbox, click: Clicker
) -> None:
    row = _up(click, sandbox)
    payload = {"contact_type": "crm_demo.contact", "contact_id": str(contact.pk), "channel": "sms"}
    for number in range(49):
        user = User.objects.create_user(f"agent{number}")
        user.user_permissions.add(Permission.objects.get(codename="add_interaction"))
        Worker.objects.create(account=account, user=user, worker_sid=f"WK{number:032x}")
        answer = signed_in(user).post("/flex/api/interactions/", payload)
        data = answer.json()
        assert (answer.status_code, data["code"]) == (409, "already_open")
        assert (data["open_conversation"]["agent"], data["open_conversation"]["choices"]) == ("Agent", ["ask"])
    assert list(Interaction.objects.all()) == [row]
    assert len(sandbox.interactions) == 1


# -- another contact with the same number ------------------------------------------------------------------------------


@pytest.mark.parametrize("is_hidden", [False, True])
def test_another_contacts_says_which_as_far_as_one_may_see_it(
    is_hidden: bool, agent: User, colleague: User, contact: Contact, click: Clicker, sandbox: Sandbox
) -> None:
    _up(click, sandbox)
    twin = Contact.objects.create(full_name="Ann's Twin", mobile="415 555 0123", country="US")
    Contact.objects.filter(pk=contact.pk).update(restricted=is_hidden)
    shown = live(colleague, twin)["open_conversation"]
    assert shown["is_another_contact"] is True
    if is_hidden:
        assert (shown["contact"], shown["conversation_sid"], shown["choices"]) == (None, None, [])
        assert "a contact that you may not see" in shown["words"]
        assert "Ann Other" not in json.dumps(shown)
    else:
        assert shown["contact"]["name"] == "Ann Other"
        assert shown["choices"] == ["ask"]
