"""Requests and answers: forms, dates, list pages, and the call and the reply of handlers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from flex_outbound.sandbox import jsontext
from flex_outbound.sandbox.errors import bad_request, missing, not_found

if TYPE_CHECKING:
    from flex_outbound.sandbox.faults import Fault
    from flex_outbound.sandbox.state import SandboxState
    from flex_outbound.sandbox.world import World

JSON = dict[str, Any]
T = TypeVar("T")
MAX_PAGE_SIZE = 1000
INTEGER = re.compile(r"-?[0-9]{1,18}")


class Form:
    """The fields of a form or a query string, in order, each name any number of times."""

    def __init__(self, encoded: str) -> None:
        self.pairs = parse_qsl(encoded, keep_blank_values=True)
        self._last = dict(self.pairs)

    def __contains__(self, name: str) -> bool:
        return name in self._last

    def get(self, name: str, default: str = "") -> str:
        """Return the last value of ``name``, or ``default``."""
        return self._last.get(name, default)

    def all(self, name: str) -> list[str]:
        """Return every value of ``name`` in order."""
        return [value for key, value in self.pairs if key == name]

    def required(self, name: str) -> str:
        """Return the value of ``name``; raises 20001 where it is missing or empty."""
        if not self.get(name):
            raise missing(name)
        return self.get(name)

    def integer(self, name: str, default: int) -> int:
        """Return ``name`` as a whole number, ``default`` if absent; raises 20001 for anything else."""
        text = self.get(name)
        if not text:
            return default
        if not INTEGER.fullmatch(text):
            raise bad_request(20001, f"Invalid {name}: it must be a whole number")
        return int(text)

    def flag(self, name: str) -> bool | None:
        """Return ``name`` as true or false, None if absent; raises 20001 for another word."""
        text = self.get(name).lower()
        if text not in ("", "true", "false", "1", "0"):
            raise bad_request(20001, f"Invalid {name}: it must be true or false")
        return text in ("true", "1") if text else None

    def json_object(self, name: str, code: int) -> JSON:
        """Return the JSON object in ``name``, empty if absent; raises ``code`` if it is anything else."""
        return json_object(self.get(name), name, code) if self.get(name) else {}


def json_object(text: str, name: str, code: int) -> JSON:
    """Parse ``text`` as one JSON object; raises Twilio's ``code`` naming the field ``name`` otherwise."""
    try:
        value = jsontext.parse(text)
    except ValueError as error:
        raise bad_request(code, f"{name} is not valid JSON") from error
    if not isinstance(value, dict):
        raise bad_request(code, f"{name} must be a JSON object")
    return value


@dataclass(slots=True)
class Call:
    """One authenticated request, as handlers see it.

    ``path`` is without the product's prefix; ``body`` is for the few requests that send JSON instead of a form, and
    ``data`` for those that send a file, which is never read as text.
    """

    state: SandboxState
    world: World
    method: str
    product: str
    path: str
    query: Form
    form: Form
    params: Mapping[str, str]
    headers: Mapping[str, str]
    body: str = ""
    faults: Sequence[Fault] = field(default=())
    data: bytes = b""
    max_page_size: int = MAX_PAGE_SIZE

    def fault(self, kind: str) -> Fault | None:
        """Return the fault of that ``kind`` which was set for this request, if any."""
        return next((fault for fault in self.faults if fault.kind == kind), None)

    def find(self, mapping: Mapping[str, T], parameter: str) -> T:
        """Return the value in ``mapping`` for the path's ``parameter``; raises 20404 if there is none."""
        found = mapping.get(self.params[parameter])
        if found is None:
            raise not_found(self.path)
        return found

    def found(self, value: T | None) -> T:
        """Return ``value``; raises 20404 for None."""
        if value is None:
            raise not_found(self.path)
        return value


@dataclass(slots=True)
class Reply:
    """A handler's answer: HTTP status, JSON body (None for none), extra headers, and a file instead of JSON."""

    body: JSON | None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""


Handler = Callable[[Call], Reply]


def now() -> datetime:
    """Return the current time in UTC. All times in replies come from here."""
    return datetime.now(UTC)


def iso(moment: datetime | None) -> str | None:
    """Return ``moment`` as Twilio's replies write it, to the second; None stays None."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def iso_ms(moment: datetime) -> str:
    """Return ``moment`` as Twilio's webhooks write it, to the millisecond."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_date(text: str) -> datetime:
    """Return the moment or the day that ``text`` contains in ISO 8601; raises 20001 for any other text."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise bad_request(20001, "A date must be written in ISO 8601") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def resource_url(product: str, path: str) -> str:
    """Return Twilio's own URL of ``path`` of ``product``."""
    return f"https://{product}.twilio.com{path}"


def page(call: Call, key: str, items: Iterable[T], show: Callable[[T], JSON], size: int = 50) -> Reply:
    """Answer with one page of ``items`` under ``key``, each written by ``show``.

    ``PageSize`` (at most what the list allows), ``Page`` and ``PageToken`` are read from the query; ``size`` is the
    default.
    https://www.twilio.com/docs/usage/twilios-response#response-formats-list-paging-information
    """
    wanted, number = paging(call, size)
    everything = list(items)
    part = everything[number * wanted : (number + 1) * wanted]
    more = len(everything) > (number + 1) * wanted
    meta = {
        "page": number,
        "page_size": wanted,
        "first_page_url": _page_url(call, wanted, 0),
        "previous_page_url": _page_url(call, wanted, number - 1) if number else None,
        "url": _page_url(call, wanted, number),
        "next_page_url": _page_url(call, wanted, number + 1) if more else None,
        "key": key,
    }
    return Reply({key: [show(item) for item in part], "meta": meta})


def paging(call: Call, size: int = 50) -> tuple[int, int]:
    """Return the page size (``size`` by default) and the page that are asked for; raises 20001 outside the limits."""
    most = call.max_page_size
    wanted, number = call.query.integer("PageSize", min(size, most)), call.query.integer("Page", 0)
    if not 1 <= wanted <= most:
        raise bad_request(20001, f"Invalid PageSize: it must be from 1 to {most}")
    if number < 0:
        raise bad_request(20001, "Invalid Page: it must be at least 0")
    return wanted, number


def _page_url(call: Call, size: int, number: int) -> str:
    paging = ("PageSize", "Page", "PageToken")
    pairs = [(name, value) for name, value in call.query.pairs if name not in paging]
    pairs += [("PageSize", str(size)), ("Page", str(number))]
    if number:
        pairs.append(("PageToken", f"PT{number * size}"))
    return resource_url(call.product, call.path) + "?" + urlencode(pairs)
