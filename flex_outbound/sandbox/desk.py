"""The agent's desk at ``/``: one page to play the agent and the customer by hand.

The page is static. It reads ``/_sandbox/desk`` and acts through the control API.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FOLDER = Path(__file__).parent
FILES = {
    "/": ("templates/desk.html", "text/html"),
    "/_desk/desk.css": ("static/desk.css", "text/css"),
    "/_desk/desk.js": ("static/desk.js", "text/javascript"),
    "/_desk/icon.svg": ("static/icon.svg", "image/svg+xml"),
    "/_desk/picture.svg": ("static/picture.svg", "image/svg+xml"),
    "/_desk/picture.png": ("static/picture.png", "image/png"),
}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def _serve(name: str, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    content = (FOLDER / name).read_bytes()

    async def endpoint(request: Request) -> Response:
        return Response(content, media_type=media_type, headers=HEADERS)

    return endpoint


def routes() -> list[Route]:
    """Return the routes of the page and its files."""
    return [Route(path, _serve(*file), methods=["GET"]) for path, file in FILES.items()]
