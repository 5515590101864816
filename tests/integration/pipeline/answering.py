"""What Twilio has of an answer, and how its sending goes on."""

import base64
from typing import Any

from flex_outbound.models import Message
from flex_outbound.outbox.files import File

from .conftest import Sandbox, run_due

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PICTURE = File("house.png", "image/png", PNG)


def said(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [message for room in sandbox.state()["conversations"] for message in room["messages"]]


def texts(sandbox: Sandbox) -> list[str]:
    return [one["body"] for one in said(sandbox)]


def after(message: Message, *seconds: float) -> Message:
    for one in seconds or (0,):
        run_due(one)
    message.refresh_from_db()
    return message
