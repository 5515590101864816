"""The demo's public page “Ask for help”: honest, once, the same to everybody, and not to be flooded."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import signing
from django.core.cache import cache
from django.db import OperationalError
from django.test import Client
from django.utils import translation

from crm_demo import help as page
from crm_demo.models import Contact
from flex_outbound.channels import Channel
from flex_outbound.contacts import adapter_for
from flex_outbound.models import Interaction, Sender
from flex_outbound.outbox import contact_index
from tests.integration.pages.strict import read

HELP = "/help/"
SAID = "My parcel <b>is</b> broken"

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("senders")]


@pytest.fixture(autouse=True)
def _fresh_counts() -> None:
    cache.clear()


@pytest.fixture
def visitor() -> Client:
    """Somebody who is not signed in; the CSRF token counts, and an error is answered as in production."""
    return Client(enforce_csrf_checks=True, raise_request_exception=False)


def form_of(visitor: Client) -> dict[str, str]:
    """Open the form, and return what is hidden in it."""
    html = visitor.get(HELP).content.decode()
    assert read(html).faults == []
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]+)"', html))


def send(visitor: Client, hidden: dict[str, str] | None = None, **changes: str) -> Any:
    """Fill the form in, and send it."""
    typed = {"name": "Ann", "phone": "(415) 555-0177", "email": "", "topic": "return", "text": SAID}
    return visitor.post(HELP, (hidden or form_of(visitor)) | typed | changes)


def text_of(answer: Any) -> str:
    """Return the page without keys and tokens, which always differ."""
    html = re.sub(r'value="[\w:.-]{30,}"', "", answer.content.decode())
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", html)


def test_a_request_is_committed_and_then_promised(visitor: Client) -> None:
    answer = send(visitor)

    assert answer.status_code == 302
    row = Interaction.objects.get()
    assert (row.initiated_by, row.address, row.contact_name) == ("api", "+14155550177", "Ann")
    assert row.attributes == {"topic": "return", "text": SAID}
    html = visitor.get(answer["Location"]).content.decode()
    assert "We have your request" in html
    assert "by text message" in html
    assert read(html).faults == []


def test_by_email(visitor: Client) -> None:
    answer = send(visitor, phone="", email="ann@example.com")

    assert (Interaction.objects.get().channel, Interaction.objects.get().address) == ("email", "ann@example.com")
    assert "by email" in visitor.get(answer["Location"]).content.decode()


@pytest.mark.parametrize("query", ["", "?request=", "?request=made-up", "?request=sms"])
def test_nobody_is_promised_anything_without_a_request(visitor: Client, query: str) -> None:
    answer = visitor.get(f"{HELP}sent/{query}")

    assert (answer.status_code, answer["Location"]) == (302, HELP)


def test_the_same_form_sent_twice_is_one_request(visitor: Client) -> None:
    hidden = form_of(visitor)
    first, second = send(visitor, hidden), send(visitor, hidden)

    assert (first.status_code, second.status_code) == (302, 302)
    pages = [visitor.get(one["Location"]) for one in (first, second)]
    assert text_of(pages[0]) == text_of(pages[1])
    assert Interaction.objects.count() == 1


def test_back_and_changed_is_not_silently_dropped(visitor: Client) -> None:
    hidden = form_of(visitor)
    send(visitor, hidden)
    answer = send(visitor, hidden, text="Something else")

    html = answer.content.decode()
    assert answer.status_code == 409
    assert "You have sent this form before, with other words." in html
    assert "Something else" in html
    assert hidden["key"] not in html


def test_a_known_and_an_unknown_customer_read_the_same(visitor: Client, contact: Contact, agent: User) -> None:
    contact_index.build(adapter_for(Contact))
    pages = {}
    for who, number in (("known", "(415) 555-0123"), ("unknown", "(415) 555-0178")):
        taken = send(visitor, phone=number)
        pages[who] = text_of(visitor.get(taken["Location"])), text_of(send(visitor, phone=number, text="Again"))
    assert Interaction.objects.filter(contact_id=str(contact.pk)).exists()

    assert pages["known"] == pages["unknown"]
    assert "We are already in conversation with you" in pages["known"][1]
    assert contact.full_name not in pages["known"][1]


def test_an_agents_conversation_reads_the_same_as_a_request_that_waits(visitor: Client, agent: User) -> None:
    send(visitor)
    waits = text_of(send(visitor, text="Again"))
    Interaction.objects.update(agent=agent, worker_sid="WK" + "1" * 32)

    assert text_of(send(visitor, text="Once more")) == waits


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"phone": ""}, "phone"),
        ({"phone": "12"}, "phone"),
        ({"phone": "call me"}, "phone"),
        ({"phone": "", "email": "nobody"}, "email"),
        ({"topic": "made up"}, "topic"),
        ({"text": ""}, "text"),
        ({"text": "x" * 2001}, "text"),
        ({"text": "a\0b"}, "text"),
    ],
)
def test_each_error_stands_at_its_field(visitor: Client, changes: dict[str, str], field: str) -> None:
    answer = send(visitor, **changes)
    html = answer.content.decode()

    assert answer.status_code == 400
    (control,) = re.findall(rf'<(?:input|select|textarea)[^>]*\bname="{field}"[^>]*>', html)
    assert 'aria-invalid="true"' in control
    assert f'id="id_{field}_error"' in html
    assert html.count('class="errorlist"') == 1
    assert read(html).faults == []
    assert not Interaction.objects.exists()


def test_what_was_typed_is_kept_as_text(visitor: Client) -> None:
    html = send(visitor, phone="12", text="<script>alert(1)</script>").content.decode()

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<script>alert(1)" not in html


@pytest.mark.parametrize("key", ["made-up", "a" * 32, "old"])
def test_a_key_that_was_not_made_here_is_not_taken(visitor: Client, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = form_of(visitor)
    if key == "old":
        monkeypatch.setattr(page, "VALID_FOR", -1)
    else:
        hidden["key"] = key
    answer = send(visitor, hidden)

    assert answer.status_code == 400
    assert not Interaction.objects.exists()
    monkeypatch.undo()
    renewed = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]+)"', answer.content.decode()))
    assert signing.loads(renewed["key"], salt=page.KEY_SALT) != key
    assert send(visitor, hidden | {"key": renewed["key"]}).status_code == 302


def test_the_csrf_token_is_asked_for(visitor: Client) -> None:
    assert send(visitor, {"key": page.new_key()}).status_code == 403
    assert not Interaction.objects.exists()


def test_nothing_is_claimed_while_the_database_is_down(visitor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_given: Any) -> None:
        raise OperationalError("gone")

    hidden = form_of(visitor)
    with monkeypatch.context() as patched:
        patched.setattr("flex_outbound.interactions.start", fail)
        answer = send(visitor, hidden)
    html = answer.content.decode()
    assert answer.status_code == 503
    assert "We could not take your request just now." in html
    assert "We have your request" not in html
    # The same key: where it was committed after all, sending it again is the same request.
    assert hidden["key"] in html
    assert send(visitor, hidden).status_code == 302


def test_the_form_itself_needs_no_database(django_db_blocker: Any) -> None:
    with django_db_blocker.block():
        html = Client().get(HELP).content.decode()
    assert "Ask for help" in html


def test_no_sender_is_no_fault_of_the_customers(visitor: Client, senders: dict[Channel, Sender]) -> None:
    Sender.objects.update(is_active=False)
    answer = send(visitor)

    assert answer.status_code == 503
    assert "Please call us." in answer.content.decode()


def test_an_address_can_ask_so_often(visitor: Client) -> None:
    codes = [send(visitor, text=str(number)).status_code for number in range(7)]

    assert codes == [302, 409, 409, 409, 409, 429, 429]
    assert send(visitor, phone="+1 415 555 0177").status_code in {409, 429}
    assert send(visitor, phone="", email="ann@example.com").status_code == 302


def test_a_visitor_can_ask_so_often_and_is_told_when_again(visitor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "PER_VISITOR", (2, 600))
    for number in range(2):
        assert send(visitor, phone=f"(415) 555-017{number}").status_code == 302
    answer = send(visitor, phone="(415) 555-0175")

    assert answer.status_code == 429
    assert 1 <= int(answer["Retry-After"]) <= 600
    html = answer.content.decode()
    assert "Please try again in 10 minutes" in html
    assert SAID.split()[0] in html
    assert Client(REMOTE_ADDR="203.0.113.7").get(HELP).status_code == 200


def test_a_form_that_is_sent_again_counts_once(visitor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "PER_ADDRESS", (1, 600))
    hidden = form_of(visitor)

    assert [send(visitor, hidden).status_code for _time in range(3)] == [302, 302, 302]
    assert send(visitor).status_code == 429


def test_the_counts_hold_no_address(visitor: Client) -> None:
    send(visitor)
    kept = repr(cache._connections["default"]._cache)  # type: ignore[attr-defined]

    assert "help:" in kept
    assert "4155550177" not in kept


def test_the_sign_in_page_leads_to_it(visitor: Client) -> None:
    assert f'href="{HELP}"' in visitor.get("/accounts/login/").content.decode()


@pytest.mark.parametrize(("language", "words"), [("de", "Hilfe"), ("es", "ayuda"), ("fr", "aide"), ("pt-br", "ajuda")])
def test_it_speaks_the_visitors_language(visitor: Client, language: str, words: str) -> None:
    # The request's language stays with the thread.
    with translation.override("en"):
        html = visitor.get(HELP, headers={"Accept-Language": language}).content.decode()

    assert words in html
    assert "How can we help?" not in html
