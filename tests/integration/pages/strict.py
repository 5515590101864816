"""Reads a page as the strictest Content-Security-Policy would: no inline script, style or handler."""

import re
from html.parser import HTMLParser
from typing import Final

_TEMPLATE: Final = re.compile(r"<template\b.*?</template>", re.DOTALL)


class StrictPage(HTMLParser):
    """Collects what a policy without ``unsafe-inline`` would refuse, in words."""

    def __init__(self, nonce: str = "") -> None:
        super().__init__()
        self.nonce = nonce
        self.faults: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        self.faults += [f"<{tag} {name}=…>" for name in given if name.startswith("on") or name == "style"]
        # A block of data is not run, so no policy stops it.
        is_data = tag == "script" and given.get("type") == "application/json"
        if tag == "style" or (tag == "script" and "src" not in given and not is_data):
            self.faults.append(f"inline <{tag}>")
        if any((value or "").strip().lower().startswith("javascript:") for value in given.values()):
            self.faults.append(f"javascript: in <{tag}>")
        is_loaded = tag == "script" or (tag == "link" and given.get("rel") == "stylesheet")
        if self.nonce and is_loaded and given.get("nonce") != self.nonce:
            self.faults.append(f"<{tag}> without the nonce")

    def ids(self) -> list[str]:
        return [str(given["id"]) for _tag, given in self.tags if given.get("id")]


def shown(html: str) -> str:
    """Return a page without what is in its ``<template>`` elements, which only the script shows."""
    return _TEMPLATE.sub("", html)


def read(html: str, nonce: str = "") -> StrictPage:
    page = StrictPage(nonce)
    page.feed(html)
    page.close()
    return page
