"""What an agent writes stands on no error page and in no error mail."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.signals import got_request_exception
from django.http import HttpRequest
from django.test import Client
from django.views.debug import get_exception_reporter_class

from flex_outbound.models import Account
from flex_outbound.outbox import answers
from flex_outbound.views import clicks
from tests.integration.pages import talk

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("senders", "worker")]

TEXT = "MaRkEd-73519"


@pytest.fixture
def reports() -> Iterator[list[str]]:
    """Collect what Django would mail and show of errors."""
    found: list[str] = []

    def report(request: HttpRequest, **_more: Any) -> None:
        reporter = get_exception_reporter_class(request)(request, *sys.exc_info())
        found.extend([reporter.get_traceback_text(), reporter.get_traceback_html()])

    got_request_exception.connect(report)
    yield found
    got_request_exception.disconnect(report)


@pytest.mark.parametrize("is_debug", [False, True])
@pytest.mark.parametrize("form", ["answer", "send", "api"])
def test_an_error_shows_nothing_that_was_posted(
    form: str,
    is_debug: bool,
    account: Account,
    contact: Any,
    agent: Any,
    reports: list[str],
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.DEBUG = is_debug

    def fail(*_given: Any) -> None:
        raise RuntimeError("The disk is full")

    monkeypatch.setattr(answers, "answer", fail)
    monkeypatch.setattr(clicks, "enqueue", fail)
    sid = talk.converse(account, contact, agent).conversation_sid
    client = Client(raise_request_exception=False)
    client.force_login(agent)
    posted = {"contact_type": "crm_demo.contact", "contact_id": contact.pk, "channel": "sms", "body": TEXT}
    addresses = {
        "answer": f"/flex/conversations/{sid}/answer/",
        "send": "/flex/send/",
        "api": f"/flex/api/conversations/{sid}/messages/",
    }
    given = {"body": TEXT} if form == "api" else posted
    assert client.post(addresses[form], given).status_code == 500
    assert len(reports) == 2
    assert all("The disk is full" in one and TEXT not in one for one in reports)
