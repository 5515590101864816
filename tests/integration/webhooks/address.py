"""What the tests of every address share: an event of it, a signature, a way to send both."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from django.http import HttpResponse, QueryDict
from django.test import Client
from twilio.request_validator import RequestValidator

from flex_outbound.models import Account, Interaction, Source, WebhookEvent
from flex_outbound.models.event import WebhookRefusal
from flex_outbound.sandbox import defaults
from flex_outbound.webhooks.read import FORM

from .conftest import PUBLIC, MakeRow
from .events import Params

TOKEN = defaults.AUTH_TOKEN


def sign(url: str, params: Params | QueryDict, token: str = TOKEN) -> str:
    """Return the signature over an address and the fields of a form."""
    return str(RequestValidator(token).compute_signature(url, params))


def send(path: str, body: str | bytes, kind: str, headers: dict[str, str]) -> Any:
    """Post a body; unlike ``Client.post``, with its content type even where it is empty."""
    return Client().generic("POST", path, body, content_type=kind, headers=headers, CONTENT_TYPE=kind)


def stamp(name: str, moment: datetime) -> str:
    """Write a moment as Twilio does in the field of that name."""
    if name.startswith("Timestamp"):
        return str(int(moment.timestamp() * (1000 if name.endswith("Ms") else 1)))
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Address:
    """An address that Twilio calls. Subclasses name the source, one event of it, and the fields of its date."""

    source: Source
    dates: tuple[str, ...] = ()

    def event(self, row: Interaction, **changes: str) -> Params:
        raise NotImplementedError

    @pytest.fixture
    def row(self, opened: MakeRow) -> Interaction:
        return opened()

    @pytest.fixture
    def path(self, account: Account) -> str:
        return f"/flex/webhooks/{account.pk}/{self.source}/"

    @pytest.fixture
    def post(self, path: str) -> Callable[..., HttpResponse]:
        """Post a form; signed with the auth token unless told otherwise."""

        def post_form(params: Params, *, query: str = "", signature: str | None = None, **extra: Any) -> Any:
            signature = sign(PUBLIC + path + query, params) if signature is None else signature
            headers = {"X-Twilio-Signature": signature, **extra.pop("headers", {})}
            return send(path + query, urlencode(params), FORM, headers)

        return post_form

    def refused(self, answer: HttpResponse, code: str, status: int = 403) -> bool:
        """Tell whether an answer is a refusal that was counted and left nothing behind."""
        counted = WebhookRefusal.objects.filter(source=self.source, code=code).exists()
        return answer.status_code == status and counted and not WebhookEvent.objects.exists()
