"""The endpoints of saved replies: the list to insert from, and the user's own."""

from typing import Any

from django.core.exceptions import ValidationError as FieldErrors
from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from flex_outbound import replies
from flex_outbound.api.replies_shapes import RepliesQuery, ReplySerializer
from flex_outbound.api.views import ApiView
from flex_outbound.models import SavedReply
from flex_outbound.outbox.preflight import require_permission
from flex_outbound.statements import load_permissions


class _RepliesApiView(ApiView):
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Let in who may open conversations. Raises PermissionDenied."""
        super().initial(request, *args, **kwargs)
        load_permissions(request.user)
        require_permission(request.user)


class RepliesView(_RepliesApiView):
    """What the user can insert."""

    def get(self, request: Request) -> Response:
        """Your own saved replies and those that are shared with you, filled in for a contact or for a conversation.

        A placeholder without a value stays in the text and is named in missing; ask for it. Up to 500 come.
        """
        query = RepliesQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        values = query.validated_data
        names = ("contact_type", "contact_id", "conversation_sid")
        try:
            of = replies.whom(request.user, *(values.get(name, "") for name in names))
        except LookupError:
            raise Http404 from None
        found = replies.usable(request.user, values.get("channel", ""))
        return Response({"results": replies.describe_all(found, request.user, of)})

    def post(self, request: Request) -> Response:
        """Makes a saved reply of your own; shared ones are made in the admin."""
        form = ReplySerializer(data=request.data)
        form.is_valid(raise_exception=True)
        return _saved(request, SavedReply(owner_id=request.user.pk), form.validated_data, 201)


class ReplyView(_RepliesApiView):
    """One saved reply of the user's own."""

    def patch(self, request: Request, pk: int) -> Response:
        """Changes the fields that are given."""
        reply = _own(request, pk)
        form = ReplySerializer(data=request.data, partial=True)
        form.is_valid(raise_exception=True)
        return _saved(request, reply, form.validated_data)

    def delete(self, request: Request, pk: int) -> Response:
        """Deletes it."""
        _own(request, pk).delete()
        return Response(status=204)


def _own(request: Request, pk: int) -> SavedReply:
    """Return a saved reply of the user's own. Raises Http404, PermissionDenied for one that is shared with the user."""
    reply = SavedReply.objects.own(request.user).filter(pk=pk).first()
    if reply is not None:
        return reply
    if SavedReply.objects.usable_by(request.user).filter(pk=pk).exists():
        raise PermissionDenied(_("This saved reply is shared. Only a manager can change it, in the admin."), "not_own")
    raise Http404


def _saved(request: Request, reply: SavedReply, values: dict[str, Any], status: int = 200) -> Response:
    for name, value in values.items():
        setattr(reply, name, value)
    try:
        replies.save_own(reply)
    except FieldErrors as error:
        raise serializers.ValidationError(error.message_dict) from None
    [described] = replies.describe_all([reply], request.user)
    return Response(described, status)
