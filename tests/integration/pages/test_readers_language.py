"""What a worker wrote down in one language is read in that of the reader, wherever it is shown."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import translation
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy

from crm_demo.flex_contacts import CrmContact
from crm_demo.models import Contact
from flex_outbound import signals, testing
from flex_outbound.models import Interaction, Message
from flex_outbound.outbox import delivery, lookups
from flex_outbound.testing import Flex, NotAccepted

pytestmark = pytest.mark.django_db

LANGUAGES = ("en", "de")
OPTED_OUT = {
    "en": "This customer has unsubscribed from messages. Do not send again; use another channel.",
    "de": "Dieser Kunde hat Nachrichten abbestellt. Senden Sie nicht erneut; verwenden Sie einen anderen Kanal.",
}


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("ada", is_staff=True, is_superuser=True)


@pytest.fixture
def reader(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


@pytest.fixture
def flex(user: User) -> Iterator[Flex]:
    with testing.flex() as double:
        double.set_up(user)
        yield double


def click(reader: Client, contact: Contact, language: str, **fields: Any) -> Interaction:
    payload = {"contact_type": "crm_demo.contact", "contact_id": str(contact.pk), "channel": "sms", **fields}
    path, asked = "/flex/api/interactions/", {"Accept-Language": language}
    answer = reader.post(path, payload, content_type="application/json", headers=asked)
    assert answer.status_code == 202, answer.content
    return Interaction.objects.get(pk=answer.json()["id"])


def work(flex: Flex, language: str, within: float = 0.0) -> None:
    with translation.override(language):
        flex.run_pending(within)


def reads(reader: Client, path: str, language: str) -> str:
    answer = reader.get(path, headers={"Accept-Language": language})
    assert answer.status_code == 200
    return answer.content.decode()


# -- what can fail: each is brought about by a worker under ``language`` -----------------------------------------------


def refused(flex: Flex, make: Callable[..., Interaction], language: str) -> None:
    flex.fail_next(21610)
    make()
    work(flex, language)


def given_up(flex: Flex, make: Callable[..., Interaction], language: str) -> None:
    for _attempt in range(8):
        flex.fail_next(NotAccepted("", reason="never_sent"))
    make()
    work(flex, language, within=3600)


def channel_failed(flex: Flex, make: Callable[..., Interaction], language: str) -> None:
    row = make()
    work(flex, language)
    flex.fail_channel(row, 45381)
    work(flex, language, within=30)


def declined(flex: Flex, make: Callable[..., Interaction], language: str) -> None:
    row = make()
    work(flex, language)
    flex.decline(row)
    work(flex, language, within=30)


def not_delivered(flex: Flex, make: Callable[..., Interaction], language: str) -> None:
    row = make(body="Hello")
    work(flex, language, within=10)
    row = Interaction.objects.get(pk=row.pk)
    with translation.override(language):
        assert delivery.apply(row, row.message, "undelivered", 30003)


def message_refused(flex: Flex, make: Callable[..., Interaction], language: str) -> None:
    flex.fail_next(63016, "create_message")
    make(body="Hello")
    work(flex, language, within=10)


def message_not_sent(flex: Flex, make: Callable[..., Interaction], language: str) -> None:
    flex.fail_next(21610)
    make(body="Hello")
    work(flex, language)


def contact_gone(flex: Flex, make: Callable[..., Interaction], language: str) -> None:
    row = make()
    Contact.objects.filter(pk=row.contact_id).delete()
    work(flex, language)


def forbidden(flex: Flex, make: Callable[..., Interaction], language: str) -> None:
    row = make()
    Contact.objects.filter(pk=row.contact_id).update(do_not_contact=True)
    work(flex, language)


def wrong_task(flex: Flex, make: Callable[..., Interaction], language: str) -> None:
    row = make()
    Interaction.objects.filter(pk=row.pk).update(status="review", error_reason="needs_review")
    with translation.override(language):
        lookups.reject_named_task(row, "task_taken")


FAILURES = [
    refused,
    given_up,
    channel_failed,
    declined,
    not_delivered,
    message_refused,
    message_not_sent,
    contact_gone,
    forbidden,
    wrong_task,
]


def stored(row: Interaction | Message | None) -> dict[str, Any]:
    """Return the columns of a row."""
    return {one.attname: getattr(row, one.attname) for one in row._meta.concrete_fields} if row is not None else {}


def told(row: Interaction) -> set[str]:
    message: Message | None = row.first_message
    return {row.error_message, message.error_message if message else ""} - {""}


@pytest.mark.parametrize("fails", FAILURES)
def test_whatever_fails_is_written_the_same_in_every_language_and_read_in_the_readers(
    fails: Callable[..., None], flex: Flex, reader: Client
) -> None:
    written = []
    for language in LANGUAGES:
        contact = Contact.objects.create(full_name="Ann", mobile=f"415 555 01{len(written)}3", country="US")
        fails(flex, partial(click, reader, contact, "en"), language)
        row = Interaction.objects.select_related("message").get(contact_id=contact.pk)
        read = {}
        for one in LANGUAGES:
            with translation.override(one):
                read[one] = told(row)
        assert read["en"]
        assert not read["en"] & read["de"]
        columns = stored(row) | {f"message_{name}": value for name, value in stored(row.first_message).items()}
        assert not {str(value) for value in columns.values()} & (read["en"] | read["de"])
        written.append({name: value for name, value in columns.items() if "error" in name or "status" in name})
        api = reader.get(f"/flex/api/interactions/{row.pk}/", headers={"Accept-Language": "de"}).json()
        assert {api["error_message"], (api["message"] or {}).get("error_message", "")} - {""} == read["de"]
    assert written[0] == written[1]


def test_failures_that_are_written_together_keep_their_own_reasons(flex: Flex, reader: Client) -> None:
    people = [
        Contact.objects.create(full_name="Ann", mobile=f"415 555 01{number}3", country="US") for number in range(3)
    ]
    rows = [click(reader, one, "en") for one in people]
    people[0].delete()
    Contact.objects.filter(pk=people[1].pk).update(do_not_contact=True)
    Contact.objects.filter(pk=people[2].pk).update(mobile="")
    work(flex, "de")
    with translation.override("en"):
        said = [Interaction.objects.get(pk=row.pk).error_message for row in rows]
    assert "deleted" in said[0]
    assert said[1] == "This customer has asked not to be messaged."
    assert "no longer belongs" in said[2]


@pytest.mark.parametrize("writer", LANGUAGES)
def test_two_agents_read_one_failure_each_in_their_own_language(
    flex: Flex, reader: Client, contact: Contact, writer: str
) -> None:
    flex.fail_next(21610)
    row = click(reader, contact, writer)
    work(flex, writer)
    pages = [
        contact.get_absolute_url(),
        f"/flex/api/interactions/{row.pk}/",
        "/flex/api/interactions/",
        f"/admin/flex_outbound/interaction/{row.pk}/change/",
    ]
    for path in pages:
        for language, other in (LANGUAGES, reversed(LANGUAGES)):
            html = reads(reader, path, language)
            assert OPTED_OUT[language] in html, path
            assert OPTED_OUT[other] not in html, path


def test_a_form_without_javascript_says_it_in_the_readers_language(
    flex: Flex, reader: Client, contact: Contact
) -> None:
    row = click(reader, contact, "en")
    Interaction.objects.filter(pk=row.pk).update(status="review", error_reason="needs_review")
    with translation.override("en"):
        lookups.reject_named_task(row, "task_taken")
    words = {
        "en": ("This task belongs to another interaction.", "WT and 32 characters"),
        "de": ("Diese Aufgabe gehört zu einer anderen Interaktion.", "WT und 32 Zeichen"),
    }
    for language, (stored_one, own) in words.items():
        asked = {"Accept-Language": language}
        answer = reader.post(f"/flex/interactions/{row.pk}/confirm/", {"task_sid": "no"}, headers=asked)
        assert answer.status_code == 400
        assert own in answer.content.decode()
        assert stored_one in reads(reader, contact.get_absolute_url(), language)


def test_a_poll_in_another_language_is_news(flex: Flex, reader: Client, contact: Contact) -> None:
    flex.fail_next(21610)
    row = click(reader, contact, "en")
    work(flex, "en")
    path = f"/flex/api/interactions/{row.pk}/"
    tag = reader.get(path, headers={"Accept-Language": "en"})["ETag"]
    codes = {
        language: reader.get(path, headers={"Accept-Language": language, "If-None-Match": tag}).status_code
        for language in LANGUAGES
    }
    assert codes == {"en": 304, "de": 200}


def test_a_receiver_of_a_signal_reads_it_in_its_own_language(flex: Flex, reader: Client, contact: Contact) -> None:
    heard = []

    def hear(interaction: Interaction, **_named: Any) -> None:
        for language in LANGUAGES:
            with translation.override(language):
                heard.append(interaction.error_message)

    signals.interaction_failed.connect(hear)
    try:
        flex.fail_next(21610)
        click(reader, contact, "en")
        work(flex, "de")
    finally:
        signals.interaction_failed.disconnect(hear)
    assert heard == list(OPTED_OUT.values())


@pytest.mark.parametrize(
    ("answer", "told_in"),
    [
        ("Not before noon.", {"en": "Not before noon.", "de": "Not before noon."}),
        (gettext_lazy("Cancel"), {"en": "Cancel", "de": "Abbrechen"}),
        (
            format_lazy("{} {}", gettext_lazy("Cancel"), "!"),
            {"en": "Abbrechen !", "de": "Abbrechen !"},
        ),
        (False, {"en": "You may not message this contact.", "de": "Sie dürfen diesem Kontakt nicht schreiben."}),
        ("A\0B", {"en": "AB", "de": "AB"}),
    ],
    ids=["text", "lazy", "put together", "no words", "NUL"],
)
def test_what_the_host_says_is_translated_where_the_host_can(
    flex: Flex,
    reader: Client,
    contact: Contact,
    monkeypatch: pytest.MonkeyPatch,
    answer: Any,
    told_in: dict[str, str],
) -> None:
    row = click(reader, contact, "en")
    monkeypatch.setattr(CrmContact, "can_message", lambda *_args: answer)
    work(flex, "de")
    row.refresh_from_db()
    for language in LANGUAGES:
        with translation.override(language):
            assert row.error_message == told_in[language]
