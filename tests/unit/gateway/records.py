"""Messages as Twilio's reference shows them."""

from datetime import UTC, datetime
from typing import Any

from .conftest import Reply, sid

PATH = f"/conversations/v1/Conversations/{sid('CH')}"
SENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def numbered(index: int) -> str:
    return f"IM{index:032x}"


def a_message(index: Any = 0, /, **changes: Any) -> dict[str, Any]:
    """A message as Twilio's reference shows one, with what it leaves out as null."""
    return {
        "account_sid": sid("AC"),
        "conversation_sid": sid("CH"),
        "sid": numbered(index) if isinstance(index, int) else sid("IM"),
        "index": index,
        "author": "+14155550123",
        "body": "Hello",
        "media": None,
        "attributes": "{}",
        "participant_sid": sid("MB"),
        "date_created": "2026-01-02T03:04:05Z",
        "date_updated": "2026-01-02T03:04:05Z",
        "delivery": None,
        "content_sid": None,
    } | changes


def a_page(name: str, *records: Any, more: str = "") -> Reply:
    there = f"https://conversations.twilio.com/v1/Conversations/{sid('CH')}/{more}" if more else None
    return Reply(200, {name: records, "meta": {"key": name, "next_page_url": there}})


def messages(*records: Any, more: bool = False) -> Reply:
    return a_page("messages", *records, more="Messages?PageToken=PT1" if more else "")
