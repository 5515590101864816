"""Every page that is read, with queries that nobody means: an answer in words, and never a server error."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db.models import Model
from django.test import Client
from django.urls import get_resolver
from django.urls.resolvers import URLResolver
from pytest_django import Settings

from crm_demo.models import Contact
from flex_outbound.channels import Channel
from flex_outbound.models import Account, Interaction, Sender, Worker
from tests.integration.admin import walk

pytestmark = pytest.mark.django_db

VALUES = [
    "",
    " ",
    "%00",
    "a%00b",
    "%01%0A%0D",
    "%ED%A0%80",
    "%FF",
    "%F0%9F%99%82",
    "-1",
    "0",
    "9" * 30,
    "-" + "9" * 30,
    "1e999",
    "NaN",
    "%C2%B2",
    "%D9%A3",
    "[",
    "(?P<",
    "*",
    "%5C",
    "%25",
    "'",
    "{}",
    "null",
    "0001-01-01",
    "9999-12-31",
    "2026-02-30",
    "0000-00-00",
    "x" * 3000,
    ",".join("1" * 300),
]
"""Values as they stand in an address, encoded."""

NASTY = ["", "%00", "%ED%A0%80", "9" * 30, "-1", "%5B", "0", "0000-00-00", "1" * 5 + ",x"]
"""The few values for what is asked for often."""

ASK_TWILIO = ("/import/", "/workers/", "/callbacks/")

LOOKUPS = [
    *("exact", "iexact", "contains", "icontains", "startswith", "endswith", "regex", "iregex", "in", "gt", "lte"),
    *("range", "isnull", "year", "month", "week_day", "iso_year", "date", "time", "hour", "year__gt", "date__lt"),
    *("date__regex", "year__regex", "search", "has_key", "contained_by", "trigram_similar", "unaccent", "nonsense"),
    *("0", "a__regex", "length", "pk", "id__regex"),
]
PARAMETERS = [
    *("q", "o", "p", "all", "e", "_facets", "_popup", "_to_field", "_changelist_filters", "nonsense", "__", "%00"),
    *("status__exact", "channel__exact", "days", "since", "until", "reason", "agent", "closing", "event_type"),
    *("sender__id__exact", "account__id__exact", "by", "channel", "account", "tab", "run", "typed", "page"),
    *("is_active__exact", "processed", "kind__exact", "text", "user", "format", "term", "app_label"),
]


@pytest.fixture
def browser(account: Account, senders: dict[Channel, Sender], worker: Worker, contact: Contact) -> Client:
    """A superuser who is a worker, with one row of everything; a server error is an answer and raises nothing."""
    walk.fill(account, senders[Channel.SMS], worker)
    User.objects.filter(pk=worker.user_id).update(is_staff=True, is_superuser=True)
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.get(pk=worker.user_id))
    return client


@pytest.fixture(autouse=True)
def unlimited(settings: Settings) -> None:
    """More is read here in a minute than an agent may read."""
    cache.clear()
    settings.FLEX_OUTBOUND = {**settings.FLEX_OUTBOUND, "RATE_LIMITS": {"click": None, "poll": None}}


def refused(client: Client, urls: Iterator[str]) -> dict[str, int]:
    """Ask for each address; return those that were answered with a server error."""
    return {url[:200]: status for url in urls if (status := client.get(url).status_code) >= 500}


def reads_of_the_api() -> list[str]:
    """Return our addresses outside the admin that take no part of a path, and those of a row and a contact."""
    found = [str(one.pattern) for one in _patterns("flex/") if "<" not in str(one.pattern)]
    assert any("interactions" in one for one in found)
    row, contact = Interaction.objects.get(), Contact.objects.get()
    return [
        *(f"/{one}" for one in found if "(" not in one and "[" not in one),
        f"/flex/api/interactions/{row.pk}/",
        f"/flex/api/contacts/crm_demo.contact/{contact.pk}/channels/",
        f"/flex/compose/crm_demo.contact/sms/?id={contact.pk}",
        f"/contacts/{contact.pk}/",
        "/",
    ]


def _patterns(prefix: str) -> Iterator[Any]:
    for one in get_resolver().url_patterns:
        if str(one.pattern) == prefix and isinstance(one, URLResolver):
            yield from _flat(prefix, one)


def _flat(prefix: str, resolver: URLResolver) -> Iterator[Any]:
    for one in resolver.url_patterns:
        if isinstance(one, URLResolver):
            yield from _flat(prefix + str(one.pattern), one)
        else:
            yield _Address(prefix + str(one.pattern))


class _Address:
    def __init__(self, pattern: str) -> None:
        self.pattern = pattern


def test_no_query_breaks_the_api_or_a_page(browser: Client) -> None:
    names = [
        *("contact_type", "contact_id", "status", "channel", "cursor", "page_size", "format", "version", "lang", "id"),
        *("flex_before", "q", "page", "next", "nonsense"),
    ]
    for page in reads_of_the_api():
        joint = "&" if "?" in page else "?"
        values = VALUES if page == "/flex/api/interactions/" else NASTY
        assert refused(browser, (f"{page}{joint}{name}={value}" for name in names for value in values)) == {}


def test_no_part_of_a_path_breaks_the_api_or_a_page(browser: Client) -> None:
    paths = [
        "/flex/api/interactions/{}/",
        "/flex/api/contacts/crm_demo.contact/{}/channels/",
        "/flex/api/contacts/{}/1/channels/",
        "/flex/compose/crm_demo.contact/sms/?id={}",
        "/flex/compose/crm_demo.contact/{}/?id=1",
        "/flex/compose/{}/sms/?id=1",
        "/flex/unmatched/{}/",
        "/flex/unmatched/CH" + "0" * 32 + "/?q={}",
        "/admin/flex_outbound/interaction/{}/change/",
        "/admin/flex_outbound/interaction/{}/decide/retry/",
        "/admin/flex_outbound/sender/{}/change/",
        "/admin/flex_outbound/account/{}/import/",
        "/admin/flex_outbound/webhookevent/{}/history/",
    ]
    parts = [value.replace("*", "%2A") for value in VALUES if value.strip()]
    assert refused(browser, (one.format(part) for one in paths for part in parts)) == {}


@pytest.mark.parametrize("model", walk.models(), ids=lambda model: model._meta.model_name)
def test_no_query_breaks_a_page_of_the_admin(browser: Client, model: type[Model]) -> None:
    changelist, *others = (page for page in walk.pages_of(model) if not page.endswith(ASK_TWILIO))
    urls = [f"{changelist}?{name}={value}" for name in PARAMETERS for value in ("%00", "9" * 30, "%5B")]
    # Pages beside the list read few parameters, so they are given all of them at once.
    urls += [f"{page}?{'&'.join(f'{name}={value}' for name in PARAMETERS)}" for page in others for value in NASTY]
    assert refused(browser, iter(urls)) == {}


def lookups(model: type[Model], fields: list[str], values: list[str]) -> list[str]:
    """Return the addresses of a list with every lookup of these columns, each with these values."""
    page = f"/admin/flex_outbound/{model._meta.model_name}/"
    return [f"{page}?{name}__{lookup}={value}" for name in fields for lookup in LOOKUPS for value in values]


@pytest.mark.parametrize("model", walk.models(), ids=lambda model: model._meta.model_name)
def test_no_lookup_breaks_a_list_of_the_admin(browser: Client, model: type[Model]) -> None:
    names = [field.name for field in model._meta.get_fields()]
    urls = lookups(model, names, ["%5B", "0", "99999"])
    # Some of the thousands, but the same in each run.
    assert refused(browser, iter(random.Random(model._meta.label).sample(urls, min(len(urls), 60)))) == {}


def test_no_value_of_a_lookup_breaks_the_history(browser: Client) -> None:
    urls = lookups(Interaction, ["contact_name", "created_at", "attempt", "cc"], ["", "%00", "%5B", "0000-00-00"])
    assert refused(browser, iter(urls)) == {}


@pytest.mark.parametrize("lookup", ["contact_name__regex", "contact_name__iregex", "created_at__date__regex"])
def test_a_pattern_is_refused_in_words(browser: Client, lookup: str) -> None:
    answer = browser.get(f"/admin/flex_outbound/interaction/?{lookup}=[")
    assert answer.status_code == 400


FIELDS = [
    *("contact_type", "contact_id", "channel", "address", "sender", "body", "subject", "cc", "idempotency_key", "next"),
    *("to", "bcc", "task_sid", "content_sid", "content_variables"),
]
TYPED_IN_THE_ADMIN = [
    *("name", "account_sid", "api_key_sid", "api_key_secret", "auth_token", "workspace_sid", "workflow_sid", "account"),
    *("address", "display_name", "queue_sid", "channel", "groups", "worker_sid", "user", "friendly_name", "worker"),
    *("act", "tick", "tab", "run", "source", "replacing", "seen", "task_sid", "key", "to", "body", "subject", "csrf"),
    *("confirmed", "post", "_popup", "_to_field", "q"),
]
BAD_TEXTS = ["a\x00b", "\x00", "\x01\n", "\ud7ff\ufffe", "9" * 400]


@pytest.mark.parametrize("text", BAD_TEXTS, ids=ascii)
def test_no_text_in_a_plain_form_breaks_it(browser: Client, text: str) -> None:
    row, contact = Interaction.objects.get(), Contact.objects.get()
    good = {"contact_type": "crm_demo.contact", "contact_id": str(contact.pk), "channel": "email", "body": "Hi"}
    for name in FIELDS:
        for path in ("send/", *(f"interactions/{row.pk}/{verb}/" for verb in walk.VERBS)):
            answer = browser.post(f"/flex/{path}", {**good, "idempotency_key": "k" + name, name: text})
            assert answer.status_code < 500, (path, name)
        answer = browser.post("/flex/api/interactions/", {**good, name: text})
        assert answer.status_code < 500, name


@pytest.mark.parametrize("model", walk.models(), ids=lambda model: model._meta.model_name)
def test_no_text_in_a_form_of_the_admin_breaks_it(browser: Client, model: type[Model]) -> None:
    row = model._default_manager.first()
    for page in walk.pages_of(model):
        if page.endswith("/delete/"):
            continue
        for text in BAD_TEXTS[:2]:
            form = dict.fromkeys(TYPED_IN_THE_ADMIN, text) | {f"user-{text}": text}
            for act in ("", "accept", "assign", "fix", "start", "apply"):
                answer = browser.post(page, {**form, **({"act": act} if act else {})})
                assert answer.status_code < 500, (page, act)
    assert row is None or model._default_manager.filter(pk=row.pk).exists()
