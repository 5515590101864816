"""Open conversations, also those that were never heard of: found once, whose they are, and what can be done."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound.contacts import adapter_for
from flex_outbound.gateway.base import ConversationState
from flex_outbound.gateway.client import TwilioGateway
from flex_outbound.models import Account, Conversation, ConversationHolder, Interaction, OpenSearch, Sender, Worker
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import contact_index
from flex_outbound.outbox.conversations import searching
from flex_outbound.sandbox import defaults
from flex_outbound.statuses import Status

from .conftest import Sandbox, make_agent, run_due

pytestmark = pytest.mark.django_db(transaction=True)
Clicker = Callable[..., Interaction]
CHANNELS = "/flex/api/contacts/crm_demo.contact/{}/channels/?live=1"
NUMBER = "+14155550123"


class Twilio:
    """What others do at Twilio: begin conversations, and give agents tasks of them."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, auth=(defaults.ACCOUNT_SID, defaults.AUTH_TOKEN), timeout=5)

    def begin(self, address: str = NUMBER, proxy: str = defaults.SMS_SENDER, identity: str = "") -> str:
        """Begin a conversation that nobody here has heard of; returns its SID."""
        sid = str(self._post("/conversations/v1/Conversations", {})["sid"])
        binding = {"MessagingBinding.Address": address, "MessagingBinding.ProxyAddress": proxy}
        self._post(f"/conversations/v1/Conversations/{sid}/Participants", binding)
        if identity:
            self._post(f"/conversations/v1/Conversations/{sid}/Participants", {"Identity": identity})
        return sid

    def give(self, conversation_sid: str, worker: str) -> str:
        """Give a worker a task of a conversation; returns its SID."""
        attributes = json.dumps({"conversationSid": conversation_sid})
        path = f"/taskrouter/v1/Workspaces/{defaults.WORKSPACE_SID}/Tasks"
        target = {"RoutingTarget": defaults.WORKERS[worker], "WorkflowSid": defaults.WORKFLOW_SID}
        return str(self._post(path, {"Attributes": attributes, "TaskChannel": "chat", **target})["sid"])

    def close(self, conversation_sid: str) -> None:
        """Close a conversation."""
        self._post(f"/conversations/v1/Conversations/{conversation_sid}", {"State": "closed"})

    def _post(self, path: str, data: dict[str, str]) -> dict[str, Any]:
        return dict(self.http.post(path, data=data).raise_for_status().json())


@pytest.fixture
def twilio(sandbox: Sandbox) -> Iterator[Twilio]:
    """Twilio as others use it."""
    others = Twilio(sandbox.url)
    yield others
    others.http.close()


@pytest.fixture
def colleague(account: Account, agent: User) -> User:
    """Another agent."""
    return make_agent(account, "bea")


@pytest.fixture
def supervisor(account: Account, agent: User) -> User:
    """An agent who may take over."""
    user = make_agent(account, "carlos")
    user.user_permissions.add(Permission.objects.get(codename="supervise"))
    return User.objects.get(pk=user.pk)


@pytest.fixture(autouse=True)
def indexed(contact: Contact) -> None:
    """The contacts' addresses are known."""
    contact_index.build(adapter_for(Contact))


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def live(user: User, contact: Contact, channel: str = "sms") -> Any:
    """Ask as a page does, once Twilio has been asked."""
    client = signed_in(user)
    client.get(CHANNELS.format(contact.pk))
    run_due()
    return next(one for one in client.get(CHANNELS.format(contact.pk)).json()["channels"] if one["channel"] == channel)


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


# -- detection ---------------------------------------------------------------------------------------------------------


def test_one_that_was_never_heard_of_is_found_with_who_has_it(
    agent: User, colleague: User, contact: Contact, twilio: Twilio, sandbox: Sandbox
) -> None:
    sid = twilio.begin()
    task = twilio.give(sid, "bea")
    sandbox.act(task, "accept")
    client = signed_in(agent)
    first = client.get(CHANNELS.format(contact.pk)).json()["channels"][0]
    assert (first["open_conversation"], first["is_asking"]) == (None, True)
    run_due()
    found = client.get(CHANNELS.format(contact.pk)).json()["channels"][0]
    assert (found["is_asking"], found["is_known"]) == (False, True)
    shown = found["open_conversation"]
    assert (shown["conversation_sid"], shown["whose"], shown["standing"], shown["agent"]) == (
        sid,
        "colleague",
        "live",
        "Bea",
    )
    # It was not opened from here, so nobody can be invited: it is asked for in Flex.
    assert shown["choices"] == []
    row = Conversation.objects.get(pk=key_of(sid))
    assert (row.agent, row.sender_address, row.channel) == (colleague, defaults.SMS_SENDER, "sms")
    run_due()
    assert row.contacts.get().contact_id == str(contact.pk)


def test_the_agents_own_that_was_begun_elsewhere_can_be_answered(
    agent: User, contact: Contact, twilio: Twilio, sandbox: Sandbox
) -> None:
    sid = twilio.begin()
    sandbox.act(twilio.give(sid, "agent"), "accept")
    shown = live(agent, contact)["open_conversation"]
    assert (shown["whose"], shown["choices"]) == ("mine", ["open", "add"])
    run_due()
    answer = signed_in(agent).post(shown["messages_url"], {"body": "Hello again", "idempotency_key": "k1"})
    assert answer.status_code == 202
    run_due()
    [conversation] = sandbox.state()["conversations"]
    assert [one["body"] for one in conversation["messages"]] == ["Hello again"]


@pytest.mark.parametrize("identity", ["bea_40example_2Ecom", "bea@example.com", "be_C3_A9"])
def test_without_a_task_it_is_nobodys_and_the_participant_says_who_had_it(
    identity: str, agent: User, colleague: User, contact: Contact, twilio: Twilio
) -> None:
    name = {"be_C3_A9": "beé"}.get(identity, "bea@example.com")
    Worker.objects.filter(user=colleague).update(friendly_name=name)
    sid = twilio.begin(identity=identity)
    shown = live(agent, contact)["open_conversation"]
    assert (shown["conversation_sid"], shown["whose"], shown["standing"], shown["agent"]) == (
        sid,
        "nobody",
        "left",
        "Bea",
    )
    assert shown["choices"] == ["close"]


def test_a_name_with_an_underline_of_its_own_is_found_as_it_is_written(
    agent: User, colleague: User, contact: Contact, twilio: Twilio
) -> None:
    Worker.objects.filter(user=colleague).update(friendly_name="team_ab")
    twilio.begin(identity="team_ab")
    assert live(agent, contact)["open_conversation"]["agent"] == "Bea"


def test_a_task_that_nobody_has_leaves_it_to_flex(
    agent: User, contact: Contact, twilio: Twilio, sandbox: Sandbox
) -> None:
    sandbox.options(auto_accept=False)
    twilio.give(twilio.begin(), "agent")
    shown = live(agent, contact)["open_conversation"]
    assert (shown["standing"], shown["choices"]) == ("waiting", [])


def test_another_senders_conversation_is_not_in_the_way(agent: User, contact: Contact, twilio: Twilio) -> None:
    twilio.begin(proxy=defaults.SMS_SENDER_UK)
    found = live(agent, contact)
    assert found["open_conversation"] is None
    assert [one["sender_address"] for one in found["open_conversations"]] == [defaults.SMS_SENDER_UK]


def test_one_whose_sender_twilio_does_not_show_is_not_taken_for_this_senders(
    agent: User, contact: Contact, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    unclear = ConversationState("CH" + "5" * 32, "active", "", None)
    monkeypatch.setattr(TwilioGateway, "find_conversations", lambda *_asked: [unclear])
    assert live(agent, contact)["open_conversations"] == []
    assert not Conversation.objects.exists()


def test_fifty_pages_ask_twilio_once(agent: User, contact: Contact, account: Account, sandbox: Sandbox) -> None:
    client = signed_in(agent)
    for _page in range(50):
        client.get(CHANNELS.format(contact.pk))
        run_due()
    asked = [one for one in sandbox.http.get("requests?last=500").json()["requests"] if "Participant" in one["path"]]
    # One for each sender and address; a phone has one address for SMS and WhatsApp here, and two senders for SMS.
    assert len(asked) == OpenSearch.objects.count() == 3


def test_a_budget_that_is_spent_delays_the_question(
    agent: User, contact: Contact, sandbox: Sandbox, settings: Any
) -> None:
    limits = {"conversations": "1/hour", "interactions": None, "task_searches": None}
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "RATE_LIMITS": limits}
    signed_in(agent).get(CHANNELS.format(contact.pk))
    run_due()
    assert OpenSearch.objects.filter(asked_at__isnull=False).count() == 1
    assert OpenSearch.objects.filter(next_at__gt=timezone.now()).count() == 2


def test_twilio_that_does_not_answer_refuses_nothing(
    agent: User, contact: Contact, click: Clicker, sandbox: Sandbox
) -> None:
    sandbox.fault("status", path="ParticipantConversations", method="GET", status=503)
    found = live(agent, contact)
    assert (found["enabled"], found["is_asking"], found["is_known"]) == (True, False, False)
    assert (
        "Twilio does not say" in signed_in(agent).get(f"/flex/open/crm_demo.contact/?id={contact.pk}").content.decode()
    )
    sandbox.mend()
    row = click()
    run_due()
    row.refresh_from_db()
    assert row.status in (Status.CREATED, Status.ACTIVE)


def test_a_conversation_of_another_account_is_left_alone(
    agent: User, contact: Contact, account: Account, twilio: Twilio
) -> None:
    sid = twilio.begin()
    other = Account.objects.create(name="Other", account_sid="AC" + "9" * 32, workspace_sid="WS" + "9" * 32)
    Conversation.objects.create(pk=key_of(sid), account=other, state="active")
    found = live(agent, contact)
    assert (found["open_conversation"], found["open_conversations"]) == (None, [])
    assert Conversation.objects.get(pk=key_of(sid)).account == other
    assert signed_in(agent).post(f"/flex/api/conversations/{sid}/close/").status_code == 404


def test_one_that_was_closed_at_twilio_is_known_to_be_closed(agent: User, contact: Contact, twilio: Twilio) -> None:
    sid = twilio.begin()
    assert live(agent, contact)["open_conversation"]["conversation_sid"] == sid
    twilio.close(sid)
    OpenSearch.objects.update(asked_at=timezone.now() - timedelta(minutes=1))
    assert live(agent, contact)["open_conversation"] is None


def test_the_failure_of_a_click_leads_to_the_same_choices(
    agent: User, contact: Contact, click: Clicker, twilio: Twilio
) -> None:
    sid = twilio.begin()
    row = click()
    run_due()
    row.refresh_from_db()
    assert row.error_reason == "already_open"
    run_due()
    shown = signed_in(agent).get(f"/flex/api/interactions/{row.pk}/").json()["open_conversation"]
    assert (shown["conversation_sid"], shown["whose"], shown["choices"]) == (sid, "nobody", ["close"])


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
    assert shown["choices"] == ["ask", "take_over"]
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


def test_the_search_is_asked_about_phones_alone(agent: User, contact: Contact, senders: list[Sender]) -> None:
    email = next(one for one in senders if one.channel == "email")
    assert searching.want([(email, "ann@example.com")]) == []


def test_the_holder_of_an_answer_that_cannot_be_read_is_not_guessed(
    agent: User, contact: Contact, twilio: Twilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    twilio.begin()
    monkeypatch.setattr(TwilioGateway, "list_participants", lambda *_asked: None)
    shown = live(agent, contact)["open_conversation"]
    assert (shown["whose"], shown["agent"]) == ("nobody", "")
