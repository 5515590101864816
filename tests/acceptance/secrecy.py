"""What must never be read in a log or in the broker: addresses, names, texts, credentials."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from flex_outbound.sandbox import defaults
from tests.acceptance.flex import Flex, Record
from tests.processes import Stack

TEXT = "Between you and me: 73519"
CREDENTIALS = (defaults.API_KEY_SECRET, defaults.AUTH_TOKEN)
SHORTEST = 6
"""A shorter text may stand in a log by chance."""

DECIMALS: Final = re.compile(r"(?<=\d\.)\d{6,}")
"""What Celery writes of each job's seconds; in thousands of lines, some digits are those of a telephone number."""


def secrets_of(stack: Stack) -> set[str]:
    """Return everything of the customers and of the account that processes of this stack handle."""
    found = {TEXT, *CREDENTIALS}
    for name, mobile, email, chat in stack.query(
        "SELECT full_name, mobile, email, chat_identity FROM crm_demo_contact"
    ):
        found |= {name, email, chat, "".join(sign for sign in mobile if sign.isdigit())[-10:]}
    with Flex(stack.sandbox_url) as flex:
        for conversation in flex.account()["conversations"]:
            found |= {text for message in conversation["messages"] for text in _said(message)}
    return {text for text in found if len(text) >= SHORTEST}


def _said(message: Record) -> Iterator[str]:
    """Yield what a message says and who said it; a colleague's name and Twilio's own may stand in a log."""
    yield message["body"] or ""
    yield message["subject"] or ""
    yield from (one["filename"] or "" for one in message["media"] or [])
    author = message["author"] or ""
    if "@" in author or "+" in author:
        yield author.removeprefix("whatsapp:")


def leaks(texts: Iterable[str], secrets: Iterable[str]) -> list[str]:
    """Return the secrets that stand in one of the texts."""
    everything = DECIMALS.sub("", "\n".join(texts))
    return sorted(secret for secret in secrets if secret in everything)
