"""The options of the sandbox, which can be set at the start and while it runs.

The same table feeds the command line, the in-process server and ``/_sandbox/options``.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

CHOICES: dict[str, tuple[str, ...]] = {
    "reply_shape": ("full", "no_conversation_sid", "echo"),
    "open_conversation": ("refuse", "silent"),
    "offline_worker": ("refuse", "accept"),
    "receipts": ("usual", "all", "reversed", "twice", "never"),
    "opaque_addresses": ("accept", "refuse"),
    "leave_routing": ("default", "custom"),
    "opted_out": ("refuse", "receipt"),
}
LARGEST = 10**9
RANGES = {"created_status": (200, 299), "index_step": (1, 1000)}
"""The whole numbers that are not just from 0 to ``LARGEST``."""


@dataclass(slots=True)
class Options:
    """Values that the sandbox reads at every use. The unit of a time ends its name."""

    latency_ms: int = 0
    latency_jitter_ms: int = 0
    enforce_limits: bool = True
    interactions_per_second: int = 20
    task_searches_per_second: int = 3
    worker_searches_per_second: int = 3
    conversation_writes_per_second: int = 30
    retry_after_seconds: int = 0
    created_status: int = 201
    reply_shape: str = "full"
    conversation_sid_delay_ms: int = 500
    open_conversation: str = "refuse"
    offline_worker: str = "refuse"
    offline_worker_code: int = 45004
    auto_accept: bool = False
    worker_capacity: int = 10_000
    reserve_delay_ms: int = 200
    accept_delay_ms: int = 300
    channel_setup_ms: int = 150
    delivery_ms: int = 200
    read_ms: int = 0
    receipts: str = "usual"
    index_step: int = 1
    show_subject: bool = True
    opt_out_type: bool = False
    opted_out: str = "refuse"
    opaque_addresses: str = "accept"
    leave_routing: str = "default"
    timer_speed: int = 1
    null_list_attributes: bool = False
    search_lag_ms: int = 0
    task_retention_seconds: int = 300
    callback_event_sid: bool = True
    callback_delay_ms: int = 0
    conversation_callbacks: bool = True
    shared_key: str = ""
    media_redirect: bool = False

    def as_dict(self) -> dict[str, object]:
        """Return every option by name."""
        return asdict(self)

    def change(self, values: Mapping[str, object]) -> None:
        """Set the options in ``values``.

        Raises ``ValueError`` naming the first option that is unknown or has a value of the wrong kind; then
        none of them is set.
        """
        checked = {name: self._checked(name, value) for name, value in values.items()}
        for name, value in checked.items():
            setattr(self, name, value)

    def _checked(self, name: str, value: object) -> object:
        known = {field.name: type(field.default) for field in fields(self)}
        if name not in known:
            raise ValueError(f"unknown option {name!r}")
        # bool is a subclass of int, so an exact comparison is what tells `true` from `1`.
        if type(value) is not known[name]:
            raise ValueError(f"option {name!r} must be a {known[name].__name__}")
        low, high = RANGES.get(name, (0, LARGEST))
        if type(value) is int and not low <= value <= high:
            raise ValueError(f"option {name!r} must be from {low} to {high}")
        if name in CHOICES and value not in CHOICES[name]:
            raise ValueError(f"option {name!r} must be one of {', '.join(CHOICES[name])}")
        return value


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the sandbox's command-line options to ``parser``; shared by both ways of starting it."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=8765, help="port, 0 for any free one (default %(default)s)")
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="another name of this machine, by which desk and control API may be asked (repeatable)",
    )
    parser.add_argument("--latency-ms", type=int, default=0, help="delay of every Twilio call")
    parser.add_argument("--latency-jitter-ms", type=int, default=0, help="random delay added on top")
    parser.add_argument("--auto-accept", action="store_true", help="workers accept their reservations at once")
    parser.add_argument("--no-limits", action="store_true", help="do not enforce Twilio's rate limits")
    parser.add_argument("--reply-shape", choices=CHOICES["reply_shape"], default="full")
    parser.add_argument("--open-conversation", choices=CHOICES["open_conversation"], default="refuse")
    parser.add_argument("--access-log", action="store_true", help="print a line for every request")


def from_arguments(values: Mapping[str, object]) -> Options:
    """Return the options that the parsed command line ``values`` ask for."""
    options = Options()
    names = ("latency_ms", "latency_jitter_ms", "auto_accept", "reply_shape", "open_conversation")
    options.change({name: values[name] for name in names})
    options.enforce_limits = not values["no_limits"]
    return options
