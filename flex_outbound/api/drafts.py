"""The endpoints of drafts: what the user typed for a contact and has not sent, and who else is writing there."""

import hashlib
import json
from typing import Any, Final

from django.core.serializers.json import DjangoJSONEncoder
from django.http import Http404
from django.middleware.csrf import get_token
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from flex_outbound import writing
from flex_outbound.api.drafts_shapes import DraftSerializer, VersionQuery
from flex_outbound.api.views import ApiView, is_known
from flex_outbound.contacts import adapter_by_label, find_contact
from flex_outbound.outbox import drafts
from flex_outbound.outbox.drafts import Place
from flex_outbound.outbox.preflight import require_permission
from flex_outbound.statements import load_permissions

MOST_BYTES: Final = 8 * drafts.MOST_BYTES
"""Of a request: JSON and forms write some characters with several others."""


class ContactDraftsView(ApiView):
    """What the user typed for a contact and has not sent; made to be polled."""

    def get(self, request: Request, contact_type: str, contact_id: str) -> Response:
        """Also says which colleagues are writing to this contact, or have written within the last minute.

        Send the ETag back as If-None-Match: as long as nothing has changed, the answer is an empty 304.
        """
        found = writing.describe(request.user, _contact(request, contact_type, contact_id))
        tag = _etag(found)
        if is_known(request, tag):
            return Response(status=304, headers={"ETag": tag})
        return Response({**found, "token": _token(request)}, headers={"ETag": tag})


class DraftView(ApiView):
    """One draft of the user's own."""

    def most_bytes(self, request: Request) -> int | None:
        """Return how large a request may be."""
        return MOST_BYTES

    def post(self, request: Request, contact_type: str, contact_id: str, place: str) -> Response:
        """Stores what is typed. Without a text the draft is discarded.

        A draft that another window has changed since is not overwritten: 409 shows it.
        """
        form = DraftSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        values: dict[str, str] = dict(form.validated_data)
        version, user = values.pop("version", ""), values.pop("user", "")
        if user and user != writing.key_of(request.user):
            raise PermissionDenied(_("Somebody else has signed in meanwhile."), code="other_user")
        where = _place(request, contact_type, contact_id, place)
        try:
            saved = drafts.save(where, values, version)
        except drafts.Changed as error:
            return _changed(error)
        except ValueError:
            words = _("This text is too long to be kept as a draft.")
            raise serializers.ValidationError({"body": [words]}, code="too_long") from None
        return Response({"place": where.name, "version": saved.version, "is_kept": saved.is_kept})

    def delete(self, request: Request, contact_type: str, contact_id: str, place: str) -> Response:
        """Discards a draft; one that was changed after ``version`` stays. 204 also where there is none."""
        query = VersionQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        drafts.discard(_place(request, contact_type, contact_id, place), query.validated_data.get("version", ""))
        return Response(status=204)


def _contact(request: Request, contact_type: str, contact_id: str) -> dict[str, Any]:
    """Return the columns of a contact. Raises Http404 for one that the user may not see, ClickNotAllowed."""
    try:
        adapter = adapter_by_label(contact_type)
    except LookupError:
        raise Http404 from None
    load_permissions(request.user)
    require_permission(request.user)
    contact = find_contact(adapter, request.user, contact_id)
    if contact is None:
        raise Http404
    return drafts.keys_of(adapter, contact)


def _place(request: Request, contact_type: str, contact_id: str, name: str) -> Place:
    place = drafts.place_of(request.user, _contact(request, contact_type, contact_id), name)
    if place is None:
        raise Http404
    return place


def _changed(error: drafts.Changed) -> Response:
    draft = None if error.draft is None else writing.describe_draft(error.draft)
    return Response({"detail": _("This was changed in another window."), "code": "draft_changed", "draft": draft}, 409)


def _token(request: Request) -> str:
    """Return a CSRF token for a page whose user has signed in anew, "" where no session is used."""
    is_session = isinstance(request.successful_authenticator, SessionAuthentication)
    return get_token(request._request) if is_session else ""


def _etag(found: dict[str, Any]) -> str:
    text = json.dumps([found, get_language()], cls=DjangoJSONEncoder, sort_keys=True)
    return f'W/"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
