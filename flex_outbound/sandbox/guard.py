"""Keeps web pages of other sites out of the desk and the control API, which ask for no credentials.

A page can make the browser send requests here (cross-site request forgery), and can give its own host the address of
this machine, to read the answers too (DNS rebinding). A browser cannot help saying so in ``Host`` and ``Origin``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

ANYWHERE = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not listened on


class Guard:
    """The names under which a sandbox is asked: this machine's, the bound one, and ``names`` in addition."""

    def __init__(self, host: str = "127.0.0.1", names: Iterable[str] = ()) -> None:
        self.everywhere = host.strip("[]") in ANYWHERE
        self.names = {name.strip("[]").lower() for name in (host, *names)} - {*ANYWHERE}

    def refusal(self, headers: Mapping[str, str], control: bool) -> str:
        """Return why a request with ``headers`` is refused, "" if it is not.

        ``control``: it is for the control API, which pages of other sites may not call. To the desk they may link.
        """
        host = headers.get("host", "")
        if host and not self._knows(host):
            return (
                f"The sandbox is not known as {_shown(host)}. If that is a name of yours for it, start it with "
                f"--allow-host {_shown(_name(host))}; else use http://127.0.0.1 or http://localhost."
            )
        return _foreign_page(headers, host) if control else ""

    def _knows(self, host: str) -> bool:
        name = _name(host)
        if name in self.names or name == "localhost" or name.endswith(".localhost"):
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        # Who listens on every address is asked by any of them. An address, unlike a name, cannot be made to lead here.
        return address.is_loopback or self.everywhere


def _foreign_page(headers: Mapping[str, str], host: str) -> str:
    origin = headers.get("origin", "")
    if origin and not _is_of(origin, host):
        return (
            f"Requests from pages of {_shown(origin)} are refused: only the sandbox's own page may send them. "
            "From a program, send no Origin header."
        )
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return "Requests from pages of other sites are refused: only the sandbox's own page may send them."
    return ""


def _is_of(origin: str, host: str) -> bool:
    try:
        return bool(host) and urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


def _name(host: str) -> str:
    """Return the name in a ``Host`` header, without port, brackets and the dot at the end; "" if it has none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").removesuffix(".")
    except ValueError:
        return ""


def _shown(text: str) -> str:
    return "".join(letter for letter in text[:80] if letter.isprintable())
