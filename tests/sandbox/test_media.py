"""The Media Content Service, and messages with media."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from twilio.rest import Client

from flex_outbound.sandbox import defaults, world

from .conftest import CUSTOMER, Control, Receiver, Start, eventually

PATH = f"/mcs/v1/Services/{defaults.CHAT_SERVICE_SID}/Media"
PNG = b"\x89PNG\r\n\x1a\n\x00\xff&a=b%"
MB = 1024 * 1024


def upload(raw: httpx.Client, data: bytes = PNG, kind: str = "image/png", name: str = "a b.png") -> Any:
    answer = raw.post(PATH, params={"Filename": name}, content=data, headers={"Content-Type": kind})
    assert answer.status_code == 201, answer.text
    return answer.json()


def failure_of(client: Client, conversation: str, media: str) -> int:
    messages = client.conversations.v1.conversations(conversation).messages
    receipts = messages.create(media_sid=media).delivery_receipts
    return int(eventually(lambda: next((one for one in receipts.list() if one.status != "sent"), None)).error_code)


def test_what_is_uploaded_is_described_and_read_again(raw: httpx.Client) -> None:
    made = upload(raw)
    sid = made["sid"]
    assert sid.startswith("ME")
    assert (made["size"], made["content_type"], made["filename"]) == (len(PNG), "image/png", "a b.png")
    assert (made["category"], made["service_sid"]) == ("media", defaults.CHAT_SERVICE_SID)
    assert {"author", "date_created", "url", "links"} <= set(made)
    assert raw.get(f"{PATH}/{sid}").json() | {"links": made["links"]} == made
    answer = raw.get(f"{PATH}/{sid}/Content")
    assert (answer.content, answer.headers["Content-Type"]) == (PNG, "image/png")


def test_twilios_own_host_leads_to_the_media(raw: httpx.Client) -> None:
    sid, host = upload(raw)["sid"], {"Host": "mcs.us1.twilio.com"}
    path = f"{PATH.removeprefix('/mcs')}/{sid}"
    assert raw.get(path, headers=host).json()["sid"] == sid
    assert raw.get(f"{path}/Content", headers=host).content == PNG


def test_a_file_is_not_taken_for_a_form(raw: httpx.Client, control: Control) -> None:
    upload(raw, b"a=b&c=d", "application/x-www-form-urlencoded")
    [asked] = control.get("/requests")["requests"]
    assert (asked["product"], asked["form"], asked["query"]) == ("mcs", [], [["Filename", "a b.png"]])


@pytest.mark.parametrize(
    "path",
    [
        f"{PATH}/ME{'0' * 32}",
        f"{PATH}/ME{'0' * 32}/Content",
        f"/mcs/v1/Services/IS{'0' * 32}/Media/ME{'0' * 32}",
    ],
)
def test_unknown_media_are_twilios_404(raw: httpx.Client, path: str) -> None:
    answer = raw.get(path)
    assert (answer.status_code, answer.json()["code"]) == (404, 20404)


def test_media_ask_for_credentials_of_their_account(raw: httpx.Client) -> None:
    sid = upload(raw)["sid"]
    url = str(raw.base_url).rstrip("/")
    assert httpx.get(f"{url}{PATH}/{sid}/Content").status_code == 401
    other = (defaults.ACCOUNT2_SID, defaults.ACCOUNT2_AUTH_TOKEN)
    assert httpx.get(f"{url}{PATH}/{sid}/Content", auth=other).status_code == 404


def test_the_temporary_address_asks_for_no_credentials(raw: httpx.Client) -> None:
    made = upload(raw)
    parts = urlsplit(made["links"]["content_direct_temporary"])
    url = str(raw.base_url).rstrip("/")
    assert httpx.get(f"{url}/media{parts.path}?{parts.query}").content == PNG
    assert httpx.get(f"{url}{parts.path}?{parts.query}", headers={"Host": str(parts.hostname)}).content == PNG
    assert httpx.get(f"{url}/media{parts.path}?{parts.query}".replace("Expires=1", "Expires=2")).status_code == 403
    assert httpx.get(f"{url}/media{parts.path}").status_code == 403
    assert httpx.get(f"{url}/media/ME{'0' * 32}").status_code == 404


def test_the_content_may_be_a_redirect(raw: httpx.Client, control: Control) -> None:
    sid = upload(raw)["sid"]
    control.options(media_redirect=True)
    answer = raw.get(f"{PATH}/{sid}/Content")
    assert answer.status_code == 307
    assert httpx.get(answer.headers["Location"]).content == PNG


def test_media_are_bounded_in_memory(raw: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "MAX_MEDIA_BYTES", 3 * len(PNG))
    sids = [upload(raw)["sid"] for _ in range(4)]
    assert [raw.get(f"{PATH}/{sid}").status_code for sid in sids] == [404, 200, 200, 200]


def test_a_file_that_is_too_large_is_refused(raw: httpx.Client) -> None:
    answer = raw.post(PATH, content=bytes(world.LARGEST_MEDIA + 1), headers={"Content-Type": "video/mp4"})
    assert answer.status_code == 413


def test_a_message_of_media_needs_no_body(
    start: Start, client: Client, raw: httpx.Client, receiver: Receiver, control: Control
) -> None:
    client.conversations.v1.configuration.webhooks().update(
        post_webhook_url=receiver.url, filters=["onMessageAdded"], method="POST"
    )
    sid, made = upload(raw)["sid"], start()
    messages = client.conversations.v1.conversations(made.conversation).messages
    message = messages.create(media_sid=sid, x_twilio_webhook_enabled="true")
    known = {"sid": sid, "size": len(PNG), "content_type": "image/png", "filename": "a b.png", "category": "media"}
    assert (message.body, message.media) == (None, [known])
    assert messages(message.sid).fetch().media == [known]
    form = eventually(lambda: receiver.of("onMessageAdded"))[0]["form"]
    told = {"Sid": sid, "Size": len(PNG), "ContentType": "image/png", "Filename": "a b.png"}
    assert json.loads(form["Media"]) == [told]
    assert raw.get(f"{PATH}/{sid}").json()["message_sid"] == message.sid
    assert messages.create(body="Look", media_sid=sid).body == "Look"


def test_a_message_without_media_tells_of_none(start: Start, client: Client, receiver: Receiver) -> None:
    client.conversations.v1.configuration.webhooks().update(
        post_webhook_url=receiver.url, filters=["onMessageAdded"], method="POST"
    )
    messages = client.conversations.v1.conversations(start().conversation).messages
    assert messages.create(body="x", x_twilio_webhook_enabled="true").media is None
    assert "Media" not in eventually(lambda: receiver.of("onMessageAdded"))[0]["form"]


@pytest.mark.parametrize(
    ("kind", "size", "code"),
    [
        ("image/png", 5 * MB, 0),
        ("image/png", 5 * MB + 1, 30019),
        ("audio/ogg; codecs=opus", 1, 0),
        ("text/html", 1, 12300),
        ("image/webp", 1, 12300),
    ],
)
def test_what_does_not_fit_an_mms_fails_in_its_receipt(
    start: Start, client: Client, raw: httpx.Client, kind: str, size: int, code: int
) -> None:
    made = start()
    assert failure_of(client, made.conversation, upload(raw, bytes(size), kind)["sid"]) == code


@pytest.mark.parametrize(
    ("kind", "size", "code"),
    [
        ("image/jpeg", 5 * MB, 0),
        ("image/jpeg", 5 * MB + 1, 63019),
        ("video/mp4", 16 * MB, 0),
        ("video/mp4", 16 * MB + 1, 63019),
        ("application/pdf", 0, 63019),
        ("image/gif", 1, 63021),
        ("text/html", 1, 63021),
    ],
)
def test_what_does_not_fit_whatsapp_fails_in_its_receipt(
    start: Start, client: Client, raw: httpx.Client, control: Control, kind: str, size: int, code: int
) -> None:
    made = start("whatsapp", f"whatsapp:{CUSTOMER}")
    control.post("/messages", {"conversation_sid": made.conversation, "body": "Show me"})
    assert failure_of(client, made.conversation, upload(raw, bytes(size), kind)["sid"]) == code
