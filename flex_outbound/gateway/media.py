"""The files of messages: read and uploaded at Twilio's media service, which neither the SDK nor OpenAPI knows.

Twilio answers with the file, or with a redirect to a signed address of its storage. Only that one redirect is followed,
and without our credentials.
"""

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Final
from urllib.parse import urljoin

from requests.exceptions import InvalidURL
from twilio.base.domain import Domain
from twilio.base.exceptions import TwilioException
from twilio.base.version import Version
from twilio.http.response import Response
from urllib3 import BaseHTTPResponse

from flex_outbound.exceptions import Refused
from flex_outbound.gateway import bounds, records
from flex_outbound.gateway.base import Media
from flex_outbound.gateway.calls import TwilioCalls, in_path
from flex_outbound.gateway.classify import malformed
from flex_outbound.gateway.observe import Operation
from flex_outbound.sids import SidKind, sid_or_none

SERVER: Final = "https://mcs.us1.twilio.com"
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
MISSING: Final = frozenset({404, 410})
_TYPE: Final = re.compile(r"[\w.+-]{1,100}/[\w.+-]{1,100}(;[\x20-\x7e]{0,100})?", re.ASCII)


class TwilioMedia(TwilioCalls):
    """The files of one account's messages."""

    @contextmanager
    def fetch_media(self, chat_service_sid: str, media_sid: str) -> Iterator[Media]:
        """Open a file, and close it in the end.

        Raises Refused for a file that Twilio does not have (404), or that is larger than ``bounds.MAX_MEDIA``. While
        ``chunks`` is read, OutcomeUnknown is raised where the file breaks off, turns out to be larger, or takes longer
        than ``bounds.MEDIA_SECONDS``.
        """
        url = f"{SERVER}/v1{_media_of(chat_service_sid)}/{in_path(media_sid, SidKind.MEDIA)}/Content"
        with self._call(Operation.FETCH_MEDIA):
            reply = self._open(url)
        with closing(reply):
            yield Media(
                content_type=records.content_type(reply.headers.get("Content-Type")),
                size=bounds.length_of(reply),
                chunks=self._chunks(reply),
            )

    def upload_media(self, chat_service_sid: str, content_type: str, filename: str, data: bytes) -> str:
        """Upload a file and return its SID; raises OutcomeUnknown for an answer without one.

        Raises Refused, and sends nothing, for an empty file, one larger than ``bounds.MAX_MEDIA``, or a
        ``content_type`` that is none. A file that no message takes does no harm.
        """
        path = _media_of(chat_service_sid)
        if not _TYPE.fullmatch(content_type):
            raise Refused("no media type", reason="invalid_request")
        if not 0 < len(data) <= bounds.MAX_MEDIA:
            raise Refused(f"a file of {len(data)} bytes", reason="invalid_request")
        service: Any = Version(Domain(self._client, SERVER), "v1")
        params = {"Filename": filename} if filename else {}
        with self._call(Operation.UPLOAD_MEDIA):
            made = service.create("POST", path, params=params, data=data, headers={"Content-Type": content_type})
        sid = sid_or_none(made.get("sid"), SidKind.MEDIA)
        if sid is None:
            raise malformed("no media SID", self._http.last_status)
        return sid

    def _open(self, url: str) -> BaseHTTPResponse:
        """Return the answer with the file, its body not yet read."""
        url = self._http.rewrite(self._client.get_hostname(url))
        reply = self._http.open(url, auth=self._client.auth)
        target = reply.headers.get("Location")
        if reply.status in REDIRECTS and target:
            bounds.discard(reply)
            reply = self._open_storage(urljoin(url, target))
        if reply.status != 200:
            text = bounds.read_whole(reply, bounds.MAX_RECEIPT).decode("utf-8", "replace")
            raise TwilioException("Unable to fetch media", Response(reply.status, text))
        if (bounds.length_of(reply) or 0) > bounds.MAX_MEDIA:
            reply.close()
            raise Refused(f"a file of more than {bounds.MAX_MEDIA} bytes", reason="invalid_request")
        return reply

    def _open_storage(self, url: str) -> BaseHTTPResponse:
        try:
            reply = self._http.open(url)
        except InvalidURL:
            raise malformed("a redirect to an address that is not followed") from None
        if reply.status == 200:
            return reply
        # Its 401 and 403 are about the signature in the address, and not about our credentials.
        bounds.discard(reply)
        if reply.status in MISSING:
            raise Refused("the storage does not have the file", reason="setup_outdated", http_status=404)
        raise malformed(f"the storage answered {reply.status}", reply.status)

    def _chunks(self, reply: BaseHTTPResponse) -> Iterator[bytes]:
        read = bounds.read_media(reply)
        while True:
            with self._classified():
                chunk = next(read, None)
            if chunk is None:
                return
            yield chunk


def _media_of(chat_service_sid: str) -> str:
    return f"/Services/{in_path(chat_service_sid, SidKind.CHAT_SERVICE)}/Media"
