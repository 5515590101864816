"""Faults on demand, of the network and of Twilio, for requests and callbacks."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

from flex_outbound.sandbox.hostile import SHAPES

BEFORE = ("delay", "drop_before", "status")
AFTER = ("drop_after", "malformed", "hostile")
WORK = ("channel_failed", "offline_worker", "opted_out", "open_conversation", "undelivered")
CALLBACK = ("callback_twice", "callback_late", "callback_lost", "callback_forged")
KINDS = (*BEFORE, *AFTER, *WORK, *CALLBACK)
DEFAULT_MS = 1000
LARGEST = 10**9
RANGES = {"probability": (0, 1), "status": (200, 599)}


@dataclass(slots=True)
class Fault:
    """One fault: what it matches, what it does, and how often (``times`` None: always)."""

    id: int
    kind: str
    method: str = ""
    product: str = ""
    path: str = ""
    body: str = ""
    times: int | None = 1
    probability: float = 1.0
    status: int = 500
    code: int = 20500
    message: str = ""
    ms: int = DEFAULT_MS
    after: bool = False
    problem: bool = False
    shape: str = "foreign"
    hits: int = 0

    def as_dict(self) -> dict[str, object]:
        """Return the fault as the control API shows it."""
        match = {"method": self.method, "product": self.product, "path": self.path, "body": self.body}
        shown = ("id", "times", "probability", "status", "code", "message", "ms", "after", "problem", "shape", "hits")
        return {"fault": self.kind, "match": match} | {name: getattr(self, name) for name in shown}

    def fits(self, method: str, product: str, path: str, body: str) -> bool:
        """Return whether this fault matches a request or a callback."""
        if self.times == 0 or (self.method and self.method != method):
            return False
        if (self.product and self.product != product) or (self.body and self.body not in body):
            return False
        # A pattern may be written with or without the product's prefix.
        return not self.path or any(re.search(self.path, text) for text in (path, f"/{product}{path}"))


class Faults:
    """The faults that are set, in order. Every one that matches a request acts on it."""

    def __init__(self) -> None:
        self.all: list[Fault] = []
        self._next_id = 1

    def add(self, wanted: Mapping[str, object]) -> Fault:
        """Set a fault from the control API's JSON object. Raises ``ValueError`` that says what is wrong in it."""
        fields = dict(wanted)
        kind, match = fields.pop("fault", None), fields.pop("match", None) or {}
        if kind not in KINDS:
            raise ValueError(f"fault must be one of {', '.join(KINDS)}")
        if not isinstance(match, Mapping) or set(match) - {"method", "product", "path", "body"}:
            raise ValueError("match takes method, product, path (a regular expression) and body only")
        _check_fields(fields)
        texts = {name: str(value) for name, value in match.items() if value}
        re.compile(texts.get("path", ""))
        texts["method"] = texts.get("method", "").upper()
        fault = Fault(self._next_id, str(kind), **texts, **fields)  # type: ignore[arg-type]
        self._next_id += 1
        self.all.append(fault)
        return fault

    def clear(self, fault_id: int | None = None) -> None:
        """Remove the fault ``fault_id``, or every fault."""
        self.all = [fault for fault in self.all if fault_id is not None and fault.id != fault_id]

    def take(self, kinds: tuple[str, ...], method: str, product: str, path: str, body: str) -> list[Fault]:
        """Return the faults of ``kinds`` that act now, and count them as used."""
        acting = []
        for fault in self.all:
            if fault.kind not in kinds or not fault.fits(method, product, path, body):
                continue
            if fault.probability < 1 and random.random() >= fault.probability:  # noqa: S311 - not a secret
                continue
            fault.hits += 1
            if fault.times is not None:
                fault.times -= 1
            acting.append(fault)
        return acting


def _check_fields(fields: Mapping[str, object]) -> None:
    kinds: dict[str, tuple[type, ...]] = {
        "times": (int, type(None)),
        "probability": (int, float),
        "status": (int,),
        "code": (int,),
        "message": (str,),
        "ms": (int,),
        "after": (bool,),
        "problem": (bool,),
        "shape": (str,),
    }
    for name, value in fields.items():
        if name not in kinds:
            raise ValueError(f"unknown field {name!r}; a fault takes match, fault, {', '.join(kinds)}")
        if not isinstance(value, kinds[name]):
            raise ValueError(f"{name!r} has a value of the wrong kind")
        low, high = RANGES.get(name, (0, LARGEST))
        if isinstance(value, int | float) and not low <= value <= high:
            raise ValueError(f"{name!r} must be from {low} to {high}")
    if fields.get("shape", SHAPES[0]) not in SHAPES:
        raise ValueError(f"shape must be one of {', '.join(SHAPES)}")
