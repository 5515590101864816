"""The endpoints of the inbox: the user's own open conversations, what is unread, and that something was read."""

from typing import Any

from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response

from flex_outbound import inbox
from flex_outbound.api.inbox_shapes import InboxPagination, InboxQuery, ReadSerializer
from flex_outbound.api.views import ApiView, is_known


class InboxView(ApiView):
    """The user's own open conversations."""

    def get(self, request: Request) -> Response:
        """The newest answer first; a conversation whose customer has not answered stands where it began."""
        query = InboxQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        found = inbox.conversations(request.user, unread_only=query.validated_data.get("unread", False))
        paginator = InboxPagination()
        page: Any = paginator.paginate_queryset(found, request, self) or ()
        return paginator.get_paginated_response(inbox.describe_all(page, request.user))


class UnreadView(ApiView):
    """What is unread: the one poll of a page, whatever the page shows of it."""

    def get(self, request: Request) -> Response:
        """Send the ETag back as If-None-Match: as long as your inbox has not changed, the answer is an empty 304."""
        tag = f'W/"{inbox.version_of(request.user)}"'
        is_same = is_known(request, tag)
        return Response(None if is_same else inbox.unread(request.user), 304 if is_same else 200, headers={"ETag": tag})


class ReadView(ApiView):
    """That a conversation was read. It is limited like a read, for pages tell it by themselves."""

    def post(self, request: Request, conversation_sid: str) -> Response:
        """Marks your own conversation as read, up to the customer's message number inbound. A mark never goes back."""
        form = ReadSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        left = inbox.read(request.user, conversation_sid, form.validated_data.get("inbound"))
        if left is None:
            raise Http404
        return Response({"conversation_sid": conversation_sid, "unread": left})
