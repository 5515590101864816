"""What pages and API say of an agent and a window, in words."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone, translation

from crm_demo.models import Contact
from flex_outbound import live
from flex_outbound.channels import Channel
from flex_outbound.models import Presence
from flex_outbound.outbox import readiness, window
from flex_outbound.outbox.readiness import State, There, state_of
from flex_outbound.problems import UNAVAILABLE, remedies

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CHAT = {"chat": {"sid": "TC" + "1" * 32, "assigned": 1, "capacity": 3, "available": True}}


def known(**changes: Any) -> Presence:
    """Return what was seen a second ago of an agent who is available."""
    values = {"is_available": True, "activity_name": "Available", "seen_at": NOW - timedelta(seconds=1)}
    return Presence(worker_id=1, **{**values, **changes})


@pytest.mark.parametrize(
    ("presence", "there", "reason"),
    [
        (None, There.UNKNOWN, ""),
        (known(), There.AVAILABLE, ""),
        (known(is_available=None), There.UNKNOWN, ""),
        (known(is_available=False), There.OFFLINE, "worker_offline"),
        (known(is_available=False, seen_at=NOW - timedelta(minutes=2)), There.UNKNOWN, ""),
        (known(is_available=False, seen_at=None, told_at=NOW), There.OFFLINE, "worker_offline"),
        (known(channels=CHAT), There.AVAILABLE, ""),
        (known(channels={"chat": {**CHAT["chat"], "assigned": 3}}), There.FULL, "worker_full"),
        (known(channels={"chat": {**CHAT["chat"], "available": False}}), There.FULL, "worker_channel_off"),
        (known(channels={"voice": {**CHAT["chat"], "sid": "", "assigned": 3}}), There.AVAILABLE, ""),
    ],
)
def test_an_agent_is_there_or_not_or_nobody_knows(presence: Presence | None, there: There, reason: str) -> None:
    found = state_of(presence, Channel.SMS, "", NOW)
    assert (found.there, found.reason) == (there, reason)


@pytest.mark.parametrize("named", ["chat", "TC" + "1" * 32])
def test_a_senders_task_channel_is_a_name_or_a_sid(named: str) -> None:
    assert state_of(known(channels=CHAT), Channel.EMAIL, named, NOW).capacity == 3


def test_every_reason_before_a_click_has_a_remedy() -> None:
    assert set(UNAVAILABLE) < set(remedies.REMEDIES)
    assert all(remedies.remedy_of(one)[-1] == "." for one in remedies.REMEDIES)
    assert remedies.remedy_of("new") == ""


@pytest.mark.parametrize("there", [There.AVAILABLE, There.UNKNOWN, There.OFFLINE])
def test_every_state_has_words(there: There) -> None:
    reason = readiness.OFFLINE if there is There.OFFLINE else ""
    assert "%" not in live.in_words(State(there, reason, since=NOW))
    assert "%" not in live.in_words(State(there, reason, is_silent=True))


@pytest.mark.parametrize("language", ["en", "ar", "de"])
@pytest.mark.parametrize("hour", [0, 2, 12, 14])
def test_a_sentence_that_ends_in_a_time_has_one_full_stop(language: str, hour: int, settings: Any) -> None:
    """In English the time ends in one: "2:24 p.m."."""
    settings.TIME_ZONE = "UTC"
    at = timezone.now().replace(hour=hour, minute=24)
    with translation.override(language):
        said = [live.in_words(State(There.OFFLINE, readiness.OFFLINE, since=at))]
        one = window.Window("+14155550123", 1, at - window.HOURS, at - timedelta(hours=2))
        said.append(live.window_in_words(one))
    plain = [words.replace("\u2068", "").replace("\u2069", "") for words in said]
    assert [(words[-1], words[-2:] != "..") for words in plain] == [(".", True)] * 2


@pytest.mark.parametrize(
    ("left", "state"),
    [
        (timedelta(hours=1, seconds=1), window.State.OPEN),
        (timedelta(hours=1), window.State.CLOSING),
        (timedelta(seconds=1), window.State.CLOSING),
        (timedelta(0), window.State.CLOSED),
        (timedelta(hours=-5), window.State.CLOSED),
    ],
)
def test_the_last_hour_of_a_window_is_told(left: timedelta, state: window.State) -> None:
    assert window.state_of(NOW + left - window.HOURS, NOW) is state


def test_an_id_that_no_path_holds_leaves_the_page_without_live_answers() -> None:
    assert live._live_url("crm_demo.contact", "1\n2") == ""
    assert live._live_url("crm_demo.contact", str(Contact(pk=7).pk)).endswith("/7/channels/?live=presence")
