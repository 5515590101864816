"""Which channels can be opened for a contact, and whether the agent is there to use them."""

import hashlib
import json
from typing import Any, Final

from django.core.serializers.json import DjangoJSONEncoder
from django.http import Http404
from django.utils.translation import get_language
from rest_framework.request import Request
from rest_framework.response import Response

from flex_outbound import contexts, live, opened
from flex_outbound.api.errors import collection_of
from flex_outbound.api.views import ApiView, is_known
from flex_outbound.contacts import ContactAdapter, adapter_by_label, find_contact
from flex_outbound.outbox.preflight import channel_options
from flex_outbound.statements import load_permissions

EVERYTHING: Final = ("1", "true")
PRESENCE: Final = "presence"
"""What may be asked for with ``live``; the page asks for what is open by itself, as markup."""


class ChannelsView(ApiView):
    """The channels that can be opened for a contact."""

    def get(self, request: Request, contact_type: str, contact_id: str) -> Response:
        """SMS, WhatsApp and email in any case, chats and Messenger where they are used. Those not enabled say why.

        With ``?live=1`` it also says whether the agent is there in Flex and what is open already, as far as is known
        now; with ``?live=presence`` the former alone. Where that is old, Twilio is asked in the background: ask again.
        Send the ETag back as If-None-Match: as long as nothing has changed, the answer is an empty 304.
        """
        try:
            adapter = adapter_by_label(contact_type)
        except LookupError:
            raise Http404 from None
        contact = find_contact(adapter, request.user, contact_id)
        if contact is None:
            raise Http404
        load_permissions(request.user)
        described = _described(request, adapter, contact)
        tag = _etag(described)
        if is_known(request, tag):
            return Response(status=304, headers={"ETag": tag})
        return Response(described, headers={"ETag": tag})


def _described(request: Request, adapter: ContactAdapter, contact: Any) -> dict[str, Any]:
    options = live.with_windows(channel_options(request.user, contact))
    wanted = request.query_params.get("live", "")
    if wanted not in (*EVERYTHING, PRESENCE):
        return contexts.describe_channels(adapter, contact, options)
    known, open_ones = live.look(options), None
    if wanted in EVERYTHING:
        open_ones = opened.live(request.user, contact, options, collection_of(request))
    return contexts.describe_channels(adapter, contact, live.with_presence(options, known), known, open_ones)


def _etag(described: dict[str, Any]) -> str:
    """Return a weak ETag of what is answered; the words in it are in the active language."""
    text = json.dumps(described, cls=DjangoJSONEncoder, sort_keys=True)
    digest = hashlib.sha256(f"{get_language()} {text}".encode()).hexdigest()[:32]
    return f'W/"{digest}"'
