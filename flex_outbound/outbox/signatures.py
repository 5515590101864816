"""The signature below an email: the sender's, with the agent's name, added once when the text is committed.

A message keeps what was added, so that sending it again begins with what was typed.
"""

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext as _

from flex_outbound.channels import MAX_BODY, Channel
from flex_outbound.exceptions import InvalidClick
from flex_outbound.models import Sender
from flex_outbound.outbox.filling import agent_values
from flex_outbound.outbox.placeholders import fill, names_in

BETWEEN: Final = "\n\n"
"""What stands between a text and its signature: an empty line."""

KNOWN: Final = ("agent.name", "agent.first_name", "agent.email")
"""The placeholders of a signature."""


def of(sender: Sender | None, agent: Any) -> str:
    """Return the signature of a sender's emails as an agent sends it, "" for none.

    A line of which nothing is left, because something of the agent is not known, is left out.
    """
    if sender is None or sender.channel != Channel.EMAIL or not sender.signature.strip():
        return ""
    values = agent_values(agent)
    lines = sender.signature.replace("\r\n", "\n").strip().split("\n")
    return "\n".join(_line(line, values) for line in lines if _says_something(line, values)).strip()


def signed(body: str, sender: Sender | None, agent: Any) -> tuple[str, str]:
    """Return a text as it goes, and the end of it that was added here.

    Nothing is added to an empty text, nor to one that ends with the signature already. Raises InvalidClick where both
    together are too long.
    """
    signature = of(sender, agent) if body else ""
    if not signature or f"\n{body.rstrip()}".endswith(f"\n{signature}"):
        return body, ""
    added = f"{BETWEEN}{signature}"
    over = len(body) + len(added) - MAX_BODY
    if over > 0:
        words = _(
            "With its signature of %(signature)d characters, this text is too long: at most %(longest)d are allowed. "
            "Shorten it by %(over)d."
        )
        numbers = {"signature": len(added), "longest": MAX_BODY, "over": over}
        raise InvalidClick(words % numbers, code="too_long", field="body")
    return f"{body}{added}", added


def _line(line: str, values: Mapping[str, str]) -> str:
    """Return a line filled in. What has no value is left out: a placeholder is never sent."""
    return fill(line, {**dict.fromkeys(names_in(line), " "), **values}).rstrip()


def _says_something(line: str, values: Mapping[str, str]) -> bool:
    """Tell whether a line is complete, or says anything without what is not known."""
    is_complete = all(name in values for name in names_in(line))
    return is_complete or any(sign.isalnum() for sign in fill(line, dict.fromkeys(names_in(line), " ")))
