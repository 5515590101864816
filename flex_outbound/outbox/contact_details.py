"""What Flex is told of a contact beside the address that a message goes to."""

import logging
from dataclasses import replace
from typing import Any, Final

from flex_outbound.channels import Channel
from flex_outbound.conf import conf
from flex_outbound.contacts import ContactAdapter, label_of
from flex_outbound.exceptions import InvalidClick
from flex_outbound.gateway import payloads
from flex_outbound.gateway.base import ContactDetails
from flex_outbound.gateway.routed import Routed
from flex_outbound.models import Interaction
from flex_outbound.outbox import attribute_rules
from flex_outbound.outbox.addressing import usable_addresses
from flex_outbound.sids import SidKind, is_sid

logger = logging.getLogger(__name__)

MAX_PRIORITY: Final = 2_147_483_647
"""https://www.twilio.com/docs/taskrouter/api/task#task-properties"""

_ROUTING: Final = {"queue_sid": SidKind.TASK_QUEUE, "workflow_sid": SidKind.WORKFLOW}


def details_of(interaction: Interaction, adapter: ContactAdapter, contact: Any) -> ContactDetails:
    """Return what Flex is told of a contact. Nothing of it is needed to send, so an error only leaves it out."""
    own = _own_details(interaction, adapter, contact)
    more, routed = _attributes(interaction, adapter, contact), _routed(interaction, adapter, contact)
    return replace(own, attributes=more, routed=routed, context_sid=_context_sid(interaction, adapter, contact))


def _own_details(interaction: Interaction, adapter: ContactAdapter, contact: Any) -> ContactDetails:
    label, key = label_of(adapter.model), interaction.contact_id
    try:
        # What the interaction's own address is not.
        channel = Channel(interaction.channel)
        phone = "" if channel.is_phone else _preferred(adapter, contact, Channel.SMS)
        email = "" if channel is Channel.EMAIL else _preferred(adapter, contact, Channel.EMAIL)
        return ContactDetails(label, key, _page_of(adapter, contact), phone, email)
    except Exception:
        logger.exception("The other details of the contact of interaction %s cannot be read", interaction.pk)
        return ContactDetails(label, key)


def changes_of(interaction: Interaction, adapter: ContactAdapter, contact: Any) -> dict[str, Any]:
    """Return the attributes of a task that say whose it is, as they are now. Raises what the adapter raises."""
    name = adapter.get_name(contact)[: payloads.MAX_NAME].replace("\x00", "")
    shown = name or interaction.address
    return {
        "customerName": shown,
        "from": shown,
        **({"customers": {"name": name}} if name else {}),
        payloads.CONTACT_TYPE: label_of(adapter.model),
        payloads.CONTACT_ID: interaction.contact_id,
        payloads.CONTACT_URL: _page_of(adapter, contact) or None,
    }


def _preferred(adapter: ContactAdapter, contact: Any, channel: Channel) -> str:
    usable, _problem = usable_addresses(adapter, contact, channel)
    return usable[0].value if usable else ""


def _page_of(adapter: ContactAdapter, contact: Any) -> str:
    """Return the absolute address of the contact's page, "" where there is none."""
    url = str(adapter.get_url(contact) or "")
    return (conf.public_url(url) or "") if url.startswith("/") else url


def _attributes(interaction: Interaction, adapter: ContactAdapter, contact: Any) -> dict[str, Any]:
    """Return what the host has to tell of a contact; nothing where it raises an error, or says what it may not."""
    try:
        given = adapter.get_task_attributes(contact, interaction)
        attribute_rules.check_new(given)
    except Exception as error:
        # Of ours only the key: words may quote an address.
        said = f"{error.code} {error.item}" if isinstance(error, InvalidClick) else type(error).__name__
        logger.error("get_task_attributes of interaction %s is left out: %s", interaction.pk, said)
        return {}
    return dict(given)


def _routed(interaction: Interaction, adapter: ContactAdapter, contact: Any) -> Routed:
    """Return where the host wants a contact's task to go; what is no such value is left to the sender."""
    try:
        given = dict(adapter.get_routing(contact, Channel(interaction.channel)))
    except Exception as error:
        logger.error("get_routing of interaction %s raised %s", interaction.pk, type(error).__name__)
        return Routed()
    wrong = sorted(str(name) for name, value in given.items() if not _is_routing(name, value))
    if wrong:
        logger.error("get_routing of interaction %s is wrong in %s", interaction.pk, ", ".join(wrong)[:200])
    return Routed(**{name: value for name, value in given.items() if _is_routing(name, value)})


def _context_sid(interaction: Interaction, adapter: ContactAdapter, contact: Any) -> str:
    """Return the context that the host names for an interaction, "" for none, and for what is no SID of one."""
    try:
        given = adapter.get_interaction_context_sid(contact, interaction)
    except Exception as error:
        logger.error("get_interaction_context_sid of interaction %s raised %s", interaction.pk, type(error).__name__)
        return ""
    # Twilio publishes a pattern with small letters only.
    if given is not None and not (is_sid(given, SidKind.INTERACTION_CONTEXT) and given[2:] == given[2:].lower()):
        logger.error("get_interaction_context_sid of interaction %s is no SID (HQ…), and is left out", interaction.pk)
        return ""
    return given or ""


def _is_routing(name: Any, value: Any) -> bool:
    if name == "priority":
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_PRIORITY
    kind = _ROUTING.get(name) if isinstance(name, str) else None
    return kind is not None and isinstance(value, str) and is_sid(value, kind)
