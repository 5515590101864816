"""The second way to send, as an agent meets it: the button, the wait, Open now and End, on pages and over the API."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound.models import Account, Conversation, Interaction, Presence, Sender, Template, Worker
from flex_outbound.models.conversation import key_of
from flex_outbound.models.setup import forget_setup
from flex_outbound.statuses import Status

from .conftest import Sandbox, channels, run_due
from .pages import live, signed_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("indexed", "nobody_looked")]
API = "/flex/api/interactions/"
Clicker = Callable[..., Interaction]
Form = dict[str, str]


@pytest.fixture
def form(contact: Contact) -> Form:
    """What the composer posts with its second button."""
    return {
        "contact_type": "crm_demo.contact",
        "contact_id": str(contact.pk),
        "channel": "sms",
        "body": "Is noon all right?",
        "opens_on_answer": "1",
        "idempotency_key": "k" * 32,
        "next": "/?q=ann",
    }


@pytest.fixture
def waiting(click: Clicker, sandbox: Sandbox) -> Interaction:
    """Its message is sent, and the customer has not answered."""
    return waited(click(body="Is noon all right?", opens_on_answer=True))


def waited(row: Interaction) -> Interaction:
    for _time in range(3):
        run_due(2.5)
    row.refresh_from_db()
    assert row.status == Status.WAITING
    return row


def read(user: User, row: Interaction) -> dict[str, Any]:
    return dict(signed_in(user).get(f"{API}{row.pk}/").json())


def page(user: User, contact: Contact) -> str:
    return signed_in(user).get(contact.get_absolute_url()).content.decode()


def make_offline(agent: User) -> None:
    now = timezone.now()
    worker = Worker.objects.get(user=agent)
    Presence.objects.update_or_create(
        worker=worker, defaults={"is_available": False, "activity_name": "Offline", "seen_at": now, "told_at": now}
    )
    forget_setup()


class TestTheButton:
    """In the composer and on the compose page."""

    def test_only_channels_that_can_wait_have_it(self, agent: User, contact: Contact) -> None:
        html = page(agent, contact)
        forms = re.findall(r'data-open\s+data-channel="(\w+)"(.*?)</form>', html, re.S)
        assert {name: "flex-send-waiting" in form for name, form in forms} == {
            "sms": True,
            "whatsapp": True,
            "email": False,
        }

    @pytest.mark.parametrize(("channel", "is_there"), [("sms", True), ("whatsapp", True), ("email", False)])
    def test_the_plain_page_has_it(self, agent: User, contact: Contact, channel: str, is_there: bool) -> None:
        html = signed_in(agent).get(f"/flex/compose/crm_demo.contact/{channel}/?id={contact.pk}").content.decode()
        assert ("Send, open when they answer" in html) is is_there

    def test_the_form_begins_a_wait_once(self, agent: User, form: Form, sandbox: Sandbox) -> None:
        client = signed_in(agent)
        for _press in range(2):
            assert client.post("/flex/send/", form)["Location"] == "/?q=ann"
        row = Interaction.objects.get()
        assert row.opens_on_answer
        waited(row)
        assert sandbox.interactions == []
        [conversation] = sandbox.state()["conversations"]
        assert [one["body"] for one in conversation["messages"]] == ["Is noon all right?"]

    def test_without_a_message_it_says_so_at_the_field(self, agent: User, form: Form) -> None:
        answer = signed_in(agent).post("/flex/send/", form | {"body": " "})
        html = answer.content.decode()
        assert answer.status_code == 400
        assert 'data-error="body" role="alert">Write the message that the customer is to answer' in " ".join(
            html.split()
        )
        assert "Send, open when they answer" in html

    def test_an_email_cannot_wait_and_keeps_its_text(self, agent: User, form: Form) -> None:
        answer = signed_in(agent).post("/flex/send/", form | {"channel": "email", "subject": "Noon?"})
        html = answer.content.decode()
        assert answer.status_code == 400
        assert "Email cannot wait for the customer&#x27;s answer. Open it now." in html
        assert "Is noon all right?" in html
        assert not Interaction.objects.exists()

    def test_a_template_waits_as_well(self, agent: User, account: Account, form: Form, sandbox: Sandbox) -> None:
        types = {"twilio/text": {"body": "Hello {{1}}"}}
        sid = "HX" + "1" * 32
        Template.objects.create(
            account=account,
            content_sid=sid,
            name="hello",
            language="en",
            types=types,
            variables={"1": "Ann"},
            is_active=True,
        )
        posted = {name: value for name, value in form.items() if name != "body"}
        posted |= {"content_sid": sid, "content_variables.1": "Ann"}
        answer = signed_in(agent).post("/flex/send/", posted)
        assert answer.status_code == 302, answer.content.decode()
        assert Interaction.objects.get().opens_on_answer

    def test_who_is_offline_can_still_use_it(self, agent: User, contact: Contact, form: Form, sandbox: Sandbox) -> None:
        make_offline(agent)
        client = signed_in(agent)
        now = client.post("/flex/send/", {**form, "opens_on_answer": ""})
        assert now.status_code == 409
        assert "Send, open when they answer" in now.content.decode()
        assert client.post("/flex/send/", form | {"idempotency_key": "other"}).status_code == 302
        waited(Interaction.objects.get())

    def test_the_remedy_names_it_where_it_helps(self, agent: User, contact: Contact, sandbox: Sandbox) -> None:
        make_offline(agent)
        told = {one["channel"]: one["remedy"] for one in channels(agent, contact, "?live=presence").json()["channels"]}
        assert told["sms"].endswith("Or send a message that opens when the customer answers.")
        assert "answers" not in told["email"]


class TestWhatIsShown:
    """Of a wait: to its agent, to others, in lists and over the API."""

    def test_its_agent_sees_since_when_and_what_can_be_done(
        self, agent: User, contact: Contact, waiting: Interaction
    ) -> None:
        shown = read(agent, waiting)
        assert (shown["status"], shown["phase"], shown["status_label"]) == (
            "waiting",
            "waiting",
            "Waiting for an answer",
        )
        assert (shown["opens_on_answer"], shown["can_open_now"], shown["can_cancel"]) == (True, True, True)
        assert shown["waits_since"] is not None
        assert shown["message"]["status"] == "sent"
        html = page(agent, contact)
        # Once among the open conversations, and once in the timeline.
        assert html.count("You wrote to this number, and wait for an answer.") == 1 + html.count('flex-open__field"')
        assert "Being opened by you" not in html
        [own] = live(agent, contact)["open_conversations"]
        assert (own["whose"], own["standing"], own["choices"]) == ("mine", "unanswered", ["open_now", "add", "end"])
        assert (own["open_now_url"], own["end_url"]) == (shown["open_url"], shown["cancel_url"])

    def test_a_colleague_sees_whose_it_is(
        self, colleague: User, supervisor: User, contact: Contact, waiting: Interaction
    ) -> None:
        [shown] = live(colleague, contact)["open_conversations"]
        assert shown["words"] == "Agent wrote to this number, and waits for an answer."
        assert shown["choices"] == []
        supervisor.user_permissions.add(Permission.objects.get(codename="change_interaction"))
        [seen] = live(User.objects.get(pk=supervisor.pk), contact)["open_conversations"]
        assert seen["choices"] == ["open_now", "end"]

    def test_a_list_says_it_in_the_line(self, agent: User, waiting: Interaction) -> None:
        html = signed_in(agent).get("/").content.decode()
        assert "You wrote, and wait for an answer since" in html

    def test_the_inbox_has_it(self, agent: User, waiting: Interaction) -> None:
        [row] = signed_in(agent).get("/flex/api/inbox/").json()["results"]
        assert (row["conversation_sid"], row["last_party"]) == (waiting.conversation_sid, "agent")

    def test_a_second_click_says_what_can_be_done(
        self, agent: User, contact: Contact, form: Form, waiting: Interaction
    ) -> None:
        client = signed_in(agent)
        answer = client.post(
            API, {**form, "body": "Or at one?", "opens_on_answer": False}, content_type="application/json"
        )
        assert answer.status_code == 409
        told = answer.json()
        assert told["detail"] == "You wrote to this customer and wait for an answer. Open it now, or end the wait."
        assert told["open_conversation"]["choices"] == ["open_now", "add", "end"]
        html = client.post("/flex/send/", form | {"body": "Or at one?", "idempotency_key": "x"}).content.decode()
        # Each can be done in one place: beside the conversation.
        assert html.count(f'action="/flex/interactions/{waiting.pk}/open/"') == 1
        assert html.count(f'action="/flex/interactions/{waiting.pk}/cancel/"') == 1
        assert "Or at one?" in html

    def test_an_admin_sees_when_it_waited(
        self, agent: User, waiting: Interaction, sandbox: Sandbox, client: Client, admin_user: User
    ) -> None:
        client.force_login(admin_user)
        url = f"/admin/flex_outbound/interaction/{waiting.pk}/change/"
        html = client.get(url).content.decode()
        assert "It waits for the customer&#x27;s answer. That ends, and the conversation is closed." in html
        signed_in(agent).post(f"{API}{waiting.pk}/cancel/")
        html = client.get(url).content.decode()
        assert "Ended without an answer" in html
        assert "Waiting for an answer" in html
        assert "WAITING" not in html
        listed = client.get("/admin/flex_outbound/interaction/?status__exact=waiting")
        assert listed.status_code == 200


class TestOpenNow:
    """Opening it without an answer."""

    def test_the_form_opens_it_once(
        self, agent: User, contact: Contact, waiting: Interaction, sandbox: Sandbox
    ) -> None:
        client = signed_in(agent)
        typed = {"idempotency_key": "once", "next": "/?q=ann"}
        for _press in range(2):
            answer = client.post(f"/flex/interactions/{waiting.pk}/open/", typed)
            assert answer["Location"] == "/?q=ann"
        said = [str(one) for one in get_messages(answer.wsgi_request)]
        assert set(said) == {"The conversation is being opened in Flex."}
        made = Interaction.objects.exclude(pk=waiting.pk).get()
        for _poll in range(3):
            run_due(2.5)
        made.refresh_from_db()
        assert (made.agent, made.conversation_sid) == (agent, waiting.conversation_sid)
        assert made.status in (Status.CREATED, Status.ACTIVE)
        assert len(sandbox.state()["conversations"]) == 1
        before = read(agent, waiting)
        assert (before["status"], before["phase"], before["status_label"]) == (
            "closed",
            "continued",
            "Continued in Flex",
        )
        assert (before["can_open_now"], before["can_cancel"], before["can_retry"], before["is_left_open"]) == (
            False,
        ) * 4
        html = page(agent, contact)
        assert "Continued in Flex" in html
        assert "You wrote to this number" not in html

    def test_over_the_api_it_is_a_202_with_the_new_one(self, agent: User, waiting: Interaction) -> None:
        client = signed_in(agent)
        url = read(agent, waiting)["open_url"]
        answers = [client.post(url, headers={"Idempotency-Key": "once"}) for _press in range(2)]
        assert [one.status_code for one in answers] == [202, 202]
        assert len({one.json()["id"] for one in answers}) == 1
        assert answers[0]["Location"] == answers[0].json()["status_url"] != f"{API}{waiting.pk}/"
        late = client.post(url, headers={"Idempotency-Key": "twice"})
        assert (late.status_code, late.json()["code"]) == (409, "not_waiting")

    def test_who_is_offline_is_told(self, agent: User, waiting: Interaction) -> None:
        make_offline(agent)
        client = signed_in(agent)
        answer = client.post(f"{API}{waiting.pk}/open/")
        assert (answer.status_code, answer.json()["code"]) == (409, "worker_offline")
        page = client.post(f"/flex/interactions/{waiting.pk}/open/")
        assert page.status_code == 409
        assert "Set your status in Flex to available." in page.content.decode()
        assert waited(waiting).status == Status.WAITING

    def test_a_colleague_may_not(self, colleague: User, agent: User, waiting: Interaction) -> None:
        colleague.user_permissions.add(Permission.objects.get(codename="view_interaction"))
        watching = signed_in(User.objects.get(pk=colleague.pk))
        assert watching.post(f"{API}{waiting.pk}/open/").json()["code"] == "no_permission"
        assert watching.post(f"/flex/interactions/{waiting.pk}/open/").status_code == 403
        colleague.user_permissions.add(Permission.objects.get(codename="change_interaction"))
        deciding = User.objects.get(pk=colleague.pk)
        assert signed_in(deciding).post(f"{API}{waiting.pk}/open/").json()["code"] == "not_own"
        shown = read(deciding, waiting)
        assert (shown["can_open_now"], shown["can_cancel"]) == (False, True)

    @pytest.mark.parametrize("way", ["html", "api"])
    def test_nobody_is_asked_to_sign_in(self, waiting: Interaction, way: str) -> None:
        url = f"/flex/interactions/{waiting.pk}/open/" if way == "html" else f"{API}{waiting.pk}/open/"
        assert Client().post(url).status_code in (302, 401, 403)
        assert Interaction.objects.count() == 1


class TestEnd:
    """Ending the wait."""

    def test_the_form_ends_it_and_closes_the_conversation(
        self, agent: User, contact: Contact, waiting: Interaction, sandbox: Sandbox
    ) -> None:
        client = signed_in(agent)
        answer = client.post(f"/flex/interactions/{waiting.pk}/cancel/", {"next": "/"})
        said = [str(one) for one in get_messages(answer.wsgi_request)]
        assert said == ["The wait has ended. The conversation is being closed."]
        run_due()
        [conversation] = sandbox.state()["conversations"]
        assert conversation["state"] == "closed"
        shown = read(agent, waiting)
        assert (shown["status"], shown["phase"]) == ("canceled", "unanswered")
        assert shown["status_label"] == "Ended without an answer"
        # The customer has the message: to send it again is to write again.
        assert (shown["can_retry"], shown["can_open_now"], shown["can_cancel"]) == (False, False, False)
        assert "You wrote to this number" not in page(agent, contact)

    def test_too_late_once_the_customer_has_answered(self, agent: User, waiting: Interaction) -> None:
        Conversation.objects.filter(pk=key_of(waiting.conversation_sid or "")).update(wants_agent_at=timezone.now())
        answer = signed_in(agent).post(f"{API}{waiting.pk}/cancel/")
        assert (answer.status_code, answer.json()["code"]) == (409, "answered")

    def test_a_click_that_failed_is_sent_again_in_the_same_way(
        self, agent: User, click: Clicker, senders: list[Sender], sandbox: Sandbox
    ) -> None:
        row = click(body="Is noon all right?", opens_on_answer=True)
        assert signed_in(agent).post(f"{API}{row.pk}/cancel/").json()["phase"] == "canceled"
        again = signed_in(agent).post(f"{API}{row.pk}/retry/").json()
        assert again["opens_on_answer"]
