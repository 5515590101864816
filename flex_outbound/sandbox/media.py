"""The Media Content Service: files of messages, uploaded by the application or sent by customers.

https://www.twilio.com/docs/conversations/api/media-resource; it is in neither Twilio's OpenAPI files nor its SDK.
"""

from __future__ import annotations

import hmac
import time
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from flex_outbound.sandbox.errors import TwilioError, not_found
from flex_outbound.sandbox.ids import new_sid
from flex_outbound.sandbox.records import Media
from flex_outbound.sandbox.state import SandboxState
from flex_outbound.sandbox.wire import JSON, Call, Reply, iso
from flex_outbound.sandbox.world import LARGEST_MEDIA, World

DIRECT_HOST = "media.us1.twilio.com"
DIRECT_SECONDS = 300
UNKNOWN_TYPE = "application/octet-stream"


def create_media(call: Call) -> Reply:
    """POST Media: the bytes as the body, with Content-Type; ``Filename`` in the query. Too large: 413."""
    service = call.found(call.world.services.get(call.params["service"]))
    if len(call.data) > LARGEST_MEDIA:
        raise TwilioError(413, 20413, f"The media is larger than {LARGEST_MEDIA} bytes")
    kind = call.headers.get("content-type", "").strip() or UNKNOWN_TYPE
    made = Media(new_sid("ME"), service.sid, call.data, kind, call.query.get("Filename") or None)
    call.world.keep_media(made)
    return Reply(show(call, made), 201)


def _one(call: Call) -> Media:
    return call.found(call.world.media_of(call.params["service"], call.params["media"]))


def fetch_media(call: Call) -> Reply:
    """GET what is known about one file."""
    return Reply(show(call, _one(call)))


def fetch_content(call: Call) -> Reply:
    """GET the bytes; with the option ``media_redirect`` a redirect (307) to the temporary address."""
    media = _one(call)
    if not call.state.options.media_redirect:
        return Reply(None, 200, {"Content-Type": media.content_type}, media.data)
    host = call.headers.get("host", "")
    server = f"https://{DIRECT_HOST}" if host.partition(":")[0].endswith(".twilio.com") else f"http://{host}/media"
    return Reply(None, 307, {"Location": server + _direct_path(call.world, media)})


def show(call: Call, media: Media) -> JSON:
    """Return ``media`` as the service writes it. Its links are paths, but for the temporary one."""
    path = f"/v1/Services/{media.service_sid}/Media/{media.sid}"
    direct = f"https://{DIRECT_HOST}{_direct_path(call.world, media)}"
    return {
        "sid": media.sid,
        "account_sid": call.world.account_sid,
        "service_sid": media.service_sid,
        "date_created": iso(media.created),
        "date_upload_updated": iso(media.created),
        "date_updated": iso(media.created),
        "size": len(media.data),
        "content_type": media.content_type,
        "filename": media.filename,
        "author": media.author,
        "category": media.category,
        "message_sid": media.message_sid,
        "channel_sid": media.conversation_sid,
        "is_multipart_upstream": False,
        "url": path,
        "links": {"content": f"{path}/Content", "content_direct_temporary": direct},
    }


def _direct_path(world: World, media: Media) -> str:
    expires = str(int(time.time()) + DIRECT_SECONDS)
    query = {"Expires": expires, "Signature": _signature(world, media.sid, expires), "Key-Pair-Id": "SANDBOX"}
    return f"/{media.sid}?{urlencode(query)}"


def _signature(world: World, sid: str, expires: str) -> str:
    return hmac.new(world.auth_token.encode(), f"{sid} {expires}".encode(), "sha256").hexdigest()


async def _direct(request: Request) -> Response:
    """GET the bytes at the temporary address, which asks for no credentials; a wrong or old one is 403."""
    state: SandboxState = request.app.state.sandbox
    sid, expires = request.path_params["media"], request.query_params.get("Expires", "")
    given = request.query_params.get("Signature", "")
    for world in state.worlds.values():
        media = world.media.get(sid)
        if media is not None:
            signed = hmac.compare_digest(_signature(world, sid, expires).encode(), given.encode())
            if not signed or int(expires) < time.time():
                return Response("Forbidden", 403, media_type="text/plain")
            return Response(media.data, headers={"Content-Type": media.content_type})
    error = not_found(request.url.path)
    return JSONResponse(error.body(), error.status)


def routes() -> list[Route]:
    """Return the route of the temporary addresses, which is outside of all products."""
    return [Route("/media/{media}", _direct, methods=["GET"])]
