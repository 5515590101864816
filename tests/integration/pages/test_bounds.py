"""A form that is larger than any message is refused before it is read."""

from typing import Any

import pytest
from django.test import Client
from django.test.client import FakePayload
from django.urls import URLPattern, URLResolver

from flex_outbound import urls
from flex_outbound.models import Conversation, Interaction
from flex_outbound.outbox import files

pytestmark = pytest.mark.django_db

HUGE = 100 * 2**20
BOUNDARY = "multipart/form-data; boundary=b"


class Unread(FakePayload):
    """A body that nobody reads."""

    def read(self, *args: Any, **kwargs: Any) -> bytes:
        raise AssertionError("the form was read")


def paths() -> list[str]:
    """Return an address of each page of ours, the API and the webhooks left out."""
    parts = {
        "<str:conversation_sid>": "CH" + "1" * 32,
        "<str:content_sid>": "HX" + "1" * 32,
        "<str:contact_type>": "crm_demo.contact",
        "<str:channel>": "sms",
        "<str:media_sid>": "ME" + "1" * 32,
        "<uuid:pk>": "8f7c6a52-9d0e-4b7c-8a44-0b6f1d2e9c31",
        "<int:pk>": "1",
    }
    found = []
    for one in urls.urlpatterns:
        assert isinstance(one, URLPattern | URLResolver)
        path = str(one.pattern)
        for name, value in parts.items():
            path = path.replace(name, value)
        # The text of a message is only read.
        if isinstance(one, URLPattern) and not path.startswith("messages/"):
            found.append(f"/flex/{path}")
    return found


@pytest.mark.parametrize("path", paths())
@pytest.mark.parametrize("checks", [True, False])
def test_a_huge_form_is_refused_unread(agent: Any, worker: Any, senders: Any, path: str, checks: bool) -> None:
    client = Client(enforce_csrf_checks=checks)
    client.force_login(agent)
    sent = {"CONTENT_LENGTH": str(HUGE), "wsgi.input": Unread(), "CONTENT_TYPE": BOUNDARY}
    answer = client.generic("POST", path, b"", **sent, HTTP_SEC_FETCH_SITE="same-origin")  # type: ignore[arg-type]
    # Some pages take no form at all.
    assert answer.status_code in (405, 413)
    assert answer.status_code == 405 or "100.0\xa0MB" in answer.content.decode()
    assert not Interaction.objects.exists()


def test_the_page_leads_back(client: Client, agent: Any) -> None:
    client.force_login(agent)
    sent = {"CONTENT_LENGTH": str(files.LARGEST_FORM + 1), "wsgi.input": Unread(), "CONTENT_TYPE": BOUNDARY}
    answer = client.generic("POST", "/flex/send/", b"", **sent, HTTP_REFERER="http://testserver/people/1/?tab=2")  # type: ignore[arg-type]
    assert 'href="/people/1/?tab=2"' in answer.content.decode()


@pytest.mark.parametrize("path", ["/flex/send/", "/flex/preview/", "/flex/replies/choose/"])
def test_a_forged_form_is_still_refused(agent: Any, worker: Any, senders: Any, contact: Any, path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(agent)
    form = {"contact_type": "crm_demo.contact", "contact_id": str(contact.pk), "channel": "sms"}
    assert client.post(path, form).status_code == 403
    assert not Interaction.objects.exists()
    assert not Conversation.objects.exists()
