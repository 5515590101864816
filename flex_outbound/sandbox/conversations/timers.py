"""The timers of a conversation: after a while without activity it becomes inactive, later it is closed.

https://www.twilio.com/docs/conversations/states-timers
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

from flex_outbound.sandbox.errors import bad_request
from flex_outbound.sandbox.records import Conversation, Timers
from flex_outbound.sandbox.state import SandboxState
from flex_outbound.sandbox.wire import JSON, Form, iso, now

DURATION = re.compile(r"P(?=.)(?:(\d{1,6})D)?(?:T(?=.)(?:(\d{1,6})H)?(?:(\d{1,6})M)?(?:(\d{1,6})S)?)?\Z", re.ASCII)
LEAST = {"Inactive": timedelta(minutes=1), "Closed": timedelta(minutes=10)}


def read(text: str, field: str, kind: str) -> timedelta | None:
    """Return the duration of ISO 8601 in ``text``, None for "".

    ``kind`` is Inactive (at least a minute) or Closed (at least ten). Raises 20001 naming ``field``.
    """
    if not text:
        return None
    found = DURATION.match(text)
    if found is None:
        raise bad_request(20001, f"Invalid {field}: it must be a duration of ISO 8601, such as PT10M")
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    wanted = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if wanted < LEAST[kind]:
        raise bad_request(20001, f"Invalid {field}: it must be at least {LEAST[kind].seconds // 60} minutes")
    return wanted


def change(form: Form, timers: Timers) -> bool:
    """Set the timers that ``form`` names, "" for none; return whether it names any. Raises 20001."""
    named = [kind for kind in LEAST if f"Timers.{kind}" in form]
    wanted = {kind: read(form.get(f"Timers.{kind}"), f"Timers.{kind}", kind) for kind in named}
    for kind, duration in wanted.items():
        setattr(timers, kind.lower(), duration)
    return bool(named)


def fill(timers: Timers, defaults: dict[str, str]) -> None:
    """Give a new conversation the account's default timers where it has none of its own."""
    timers.inactive = timers.inactive or read(defaults.get("Inactive", ""), "DefaultInactiveTimer", "Inactive")
    timers.closed = timers.closed or read(defaults.get("Closed", ""), "DefaultClosedTimer", "Closed")


def start(state: SandboxState, conversation: Conversation, move: Callable[[Conversation, str, str], None]) -> None:
    """Start the timers anew; ``move`` will be called with the conversation, its next state and the reason TIMER.

    The option ``timer_speed`` says how much faster than real time they run; 0 stops them.
    """
    timers = conversation.timers
    timers.turn += 1
    timers.started = now()
    turn = timers.turn

    def run_out(wanted: str) -> None:
        if timers.turn == turn and conversation.state not in ("closed", wanted):
            move(conversation, wanted, "TIMER")

    for wanted, duration in (("inactive", timers.inactive), ("closed", timers.closed)):
        if duration is not None and state.options.timer_speed:
            state.later(int(duration.total_seconds() * 1000 / state.options.timer_speed), run_out, wanted)


def show(conversation: Conversation) -> JSON:
    """Return when the timers run out, as Twilio writes it: empty without timers and once closed."""
    timers, shown = conversation.timers, JSON()
    if timers.inactive is not None and conversation.state == "active":
        shown["date_inactive"] = iso(timers.started + timers.inactive)
    if timers.closed is not None and conversation.state != "closed":
        shown["date_closed"] = iso(timers.started + timers.closed)
    return shown
