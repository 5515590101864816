"""The addresses for callbacks, in projects whose urls or middleware would be in Twilio's way."""

from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from flex_outbound.gateway.callbacks import Registration
from flex_outbound.models import Account, Source
from flex_outbound.setup.address import callback_url, callback_urls
from flex_outbound.setup.comparing import EVENTS, State, compare


@pytest.fixture
def by_language(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.integration.urls_by_language"
    settings.LANGUAGE_CODE, settings.LANGUAGES = "en", [("en", "English"), ("de", "German")]


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_address_does_not_depend_on_who_asks(by_language: None, account: Account, language: str) -> None:
    with translation.override(language):
        url = callback_url(account, Source.TASKROUTER)
    assert url == f"https://crm.example.com/en/flex/webhooks/{account.pk}/taskrouter/"


def test_an_address_in_another_language_is_ours_too(by_language: None, account: Account) -> None:
    source = Source.TASKROUTER
    german = Registration(f"https://crm.example.com/de/flex/webhooks/{account.pk}/taskrouter/", EVENTS[source])
    also = callback_urls(account, source)
    assert compare(source, callback_url(account, source), [german], also).state == State.RIGHT
    assert compare(source, callback_url(account, source), [german]).state == State.ELSEWHERE


@pytest.fixture
def everybody_signs_in(settings: Any) -> Client:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    return Client()


@pytest.mark.django_db
@pytest.mark.parametrize("source", list(Source))
def test_twilio_is_not_asked_to_sign_in(everybody_signs_in: Client, account: Account, source: Source) -> None:
    assert everybody_signs_in.post(f"/flex/webhooks/{account.pk}/{source}/", {"EventType": "x"}).status_code == 403


@pytest.mark.django_db
def test_neither_are_programs_that_use_the_api(everybody_signs_in: Client) -> None:
    answer = everybody_signs_in.get("/flex/api/interactions/")
    assert (answer.status_code, answer.headers["Content-Type"]) == (403, "application/json")


@pytest.mark.django_db
def test_people_are(everybody_signs_in: Client) -> None:
    assert everybody_signs_in.post("/flex/send/").status_code == 302
