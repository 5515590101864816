"""What placeholders stand for: the agent, the contact, and what the project's adapter adds."""

import logging
from collections.abc import Mapping
from typing import Any

from flex_outbound.contacts import ContactAdapter
from flex_outbound.outbox.texts import name_of

logger = logging.getLogger(__name__)


def agent_values(user: Any) -> dict[str, str]:
    """Return the values of ``agent.name``, ``agent.first_name`` and ``agent.email``; without what is not known."""
    given = {
        "agent.name": name_of(user),
        "agent.first_name": getattr(user, "first_name", ""),
        "agent.email": getattr(user, "email", ""),
    }
    return _known(given)


def values_of(user: Any, adapter: ContactAdapter | None, contact: Any) -> dict[str, str]:
    """Return the value of every placeholder that is known, by its name in lower case.

    ``adapter``, ``contact``: None where there is no contact to speak of. The adapter's own values come first. An error
    of the project's code is logged, and what it would have said is asked for.
    """
    values = agent_values(user)
    if adapter is None or contact is None:
        return values
    values |= _known({"contact.name": adapter.get_name(contact), "contact.first_name": _first_name(contact)})
    try:
        return values | _known(adapter.get_placeholders(contact, user))
    except Exception as error:
        # Its words may quote the contact.
        label, kind = adapter.model._meta.label, type(error).__name__
        logger.error("The placeholders of a %s cannot be read (%s); they are asked for", label, kind)
        return values


def _first_name(contact: Any) -> Any:
    """Return the contact's first name where the model has one. To take a full name apart would be a guess."""
    value = getattr(contact, "first_name", "")
    return "" if callable(value) else value


def _known(given: Mapping[str, Any]) -> dict[str, str]:
    texts = {name.lower(): "" if value is None else str(value) for name, value in given.items()}
    clean = {name: text.replace("\x00", "").replace("\r\n", "\n").strip() for name, text in texts.items()}
    return {name: text for name, text in clean.items() if text}
