"""Writing down that a customer agreed again: who may do that, and the link to the form beside a refusal.

It stands beside ``contexts``. The form is in the admin.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

from django.urls import NoReverseMatch, reverse

from flex_outbound.channels import Channel
from flex_outbound.contacts import ContactAdapter, adapter_by_label, find_contact, id_of, label_of
from flex_outbound.models import ConsentState
from flex_outbound.outbox import consent
from flex_outbound.outbox.addressing import usable_addresses
from flex_outbound.outbox.consent import OPTED_OUT
from flex_outbound.outbox.preflight import ChannelOption

PERMISSION: Final = "flex_outbound.change_consent"


def link_for(user: Any, adapter: ContactAdapter, contact: Any, options: Iterable[ChannelOption]) -> str:
    """Return where a user may write down that a contact agreed, "" where nothing is refused or they may not."""
    channel = next((one.channel.value for one in options if one.reason == OPTED_OUT), "")
    if not channel or not getattr(user, "is_staff", False) or not user.has_perm(PERMISSION):
        return ""
    try:
        form = reverse("admin:flex_outbound_consentevent_add")
    except NoReverseMatch:
        return ""
    # Addresses are in no URL, because URLs are logged.
    query = {"contact": label_of(adapter.model), "id": id_of(adapter, contact), "channel": channel}
    return f"{form}?{urlencode(query)}"


def refused_contact(user: Any, query: Mapping[str, str]) -> dict[str, str]:
    """Return channel and refused address of the contact that a link of ``link_for`` names, {} where there is none."""
    try:
        adapter = adapter_by_label(query.get("contact", ""))
        channel = Channel(query.get("channel", ""))
    except (LookupError, ValueError):
        return {}
    contact = find_contact(adapter, user, query.get("id", ""))
    if contact is None:
        return {}
    own = [one.value for one in usable_addresses(adapter, contact, channel)[0]]
    refused = consent.read(own).addresses_in(ConsentState.OPTED_OUT)
    found = [one for one in own if consent.key_of(one) in refused] or own
    return {"channel": channel.value, "address": found[0]} if found else {}
