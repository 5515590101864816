"""What Flex is told of a contact beside the address that a message goes to."""

import logging
from typing import Any

from flex_outbound.channels import Channel
from flex_outbound.conf import conf
from flex_outbound.contacts import ContactAdapter, label_of
from flex_outbound.gateway import payloads
from flex_outbound.gateway.base import ContactDetails
from flex_outbound.models import Interaction
from flex_outbound.outbox.addressing import usable_addresses

logger = logging.getLogger(__name__)


def details_of(interaction: Interaction, adapter: ContactAdapter, contact: Any) -> ContactDetails:
    """Return what Flex is told of a contact. Nothing of it is needed to send, so an error only leaves it out."""
    label, key = label_of(adapter.model), interaction.contact_id
    try:
        # The other kind: the address of this channel is the interaction's own.
        is_phone = Channel(interaction.channel).is_phone
        other, _problem = usable_addresses(adapter, contact, Channel.EMAIL if is_phone else Channel.SMS)
        preferred = other[0].value if other else ""
        phone, email = ("", preferred) if is_phone else (preferred, "")
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


def _page_of(adapter: ContactAdapter, contact: Any) -> str:
    """Return the absolute address of the contact's page, "" where there is none."""
    url = str(adapter.get_url(contact) or "")
    return (conf.public_url(url) or "") if url.startswith("/") else url
