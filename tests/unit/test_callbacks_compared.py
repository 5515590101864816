"""What Twilio calls against what it is to call: right, lacking, missing, or somebody else's."""

from typing import Any

import pytest

from flex_outbound.gateway.callbacks import Registration
from flex_outbound.models import Source
from flex_outbound.setup.comparing import EVENTS, Finding, State, compare, presentable, same_address

OURS = "https://crm.example.com/flex/webhooks/1/taskrouter/"
THEIRS = "https://bi.example.com/hook?key=secret"
TASKS, TALKS, FLEX = Source.TASKROUTER, Source.CONVERSATIONS, Source.INTERACTIONS


def found(source: Source, *registered: Registration) -> Finding:
    return compare(source, OURS, registered)


def at(url: str, source: Source = TASKS, **more: Any) -> Registration:
    return Registration(**{"url": url, "events": EVENTS[source]} | more)


@pytest.mark.parametrize("source", Source)
def test_our_address_with_every_event_is_right(source: Source) -> None:
    assert found(source, at(OURS, source)).state == State.RIGHT


@pytest.mark.parametrize(
    "url", [f"{OURS}#rc=3&rp=all", OURS.replace("crm", "CRM"), OURS.replace(".com", ".com:443"), f"HTTPS{OURS[5:]}"]
)
def test_the_same_address_written_otherwise_is_ours(url: str) -> None:
    assert found(TASKS, at(url)).state == State.RIGHT


@pytest.mark.parametrize(
    "url", [OURS[:-1], OURS.replace("https", "http"), OURS.replace("/1/", "/2/"), f"{OURS}?a=1", f"{OURS}X", "http://["]
)
def test_another_address_is_not_ours(url: str) -> None:
    assert found(TASKS, at(url)).state == State.ELSEWHERE
    assert not same_address(url, OURS)


def test_no_filter_is_every_event() -> None:
    assert found(TASKS, at(OURS, events=None)).state == State.RIGHT


@pytest.mark.parametrize("source", Source)
def test_missing_events_are_named(source: Source) -> None:
    first, *rest = EVENTS[source]
    finding = found(source, at(OURS, source, events=(*rest, "worker.created")))
    assert (finding.state, finding.lacking, finding.can_be_fixed) == (State.LACKING, (first,), True)


@pytest.mark.parametrize("source", Source)
def test_nothing_registered_is_missing(source: Source) -> None:
    for registered in ((), (Registration("", ()),)):
        finding = found(source, *registered)
        assert (finding.state, finding.actual) == (State.MISSING, "")


@pytest.mark.parametrize("source", [TASKS, TALKS])
def test_somebody_else_s_address_is_shown_and_not_ours_to_take(source: Source) -> None:
    finding = found(source, at(THEIRS, source))
    assert (finding.state, finding.actual) == (State.ELSEWHERE, THEIRS)
    assert "secret" not in finding.fingerprint


def test_interactions_tell_several_addresses_so_others_are_in_nobody_s_way() -> None:
    finding = found(FLEX, at(THEIRS, FLEX))
    assert (finding.state, finding.actual, finding.others) == (State.MISSING, "", (THEIRS,))
    assert finding.place == ""
    finding = found(FLEX, at(THEIRS, FLEX, place="theirs"), at(OURS, FLEX, place="ours"))
    assert (finding.state, finding.place, finding.others) == (State.RIGHT, "ours", (THEIRS,))


def test_a_wrong_method_is_lacking() -> None:
    finding = found(TALKS, at(OURS, TALKS, method="GET"))
    assert (finding.state, finding.method) == (State.LACKING, "GET")


def test_a_method_that_others_share_is_not_turned_unasked() -> None:
    for url in (OURS, ""):
        finding = found(TALKS, at(url, TALKS, method="GET", pre_url=THEIRS))
        assert (finding.state, finding.actual, finding.shares_method) == (State.ELSEWHERE, THEIRS, True)
    assert found(TALKS, at(OURS, TALKS, pre_url=THEIRS)).state == State.RIGHT
    assert found(TALKS, at("", TALKS, pre_url=THEIRS)).state == State.MISSING


def test_conversations_that_go_into_flex_itself_are_not_ours_to_take() -> None:
    for url in ("", OURS):
        finding = found(TALKS, at(url, TALKS, is_of_flex=True))
        assert (finding.state, finding.actual) == (State.ELSEWHERE, "Twilio Flex itself")
    assert found(TALKS, at(THEIRS, TALKS, is_of_flex=True)).actual == THEIRS


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (OURS, OURS),
        (THEIRS, "https://bi.example.com/hook?…"),
        ("https://me:password@bi.example.com:8443/x", "https://bi.example.com:8443/x"),
        ("https://bi.example.com/x#token=1", "https://bi.example.com/x"),
        ("http://[", "…"),
        ("Twilio Flex itself", "Twilio Flex itself"),
    ],
)
def test_others_secrets_are_not_shown(url: str, shown: str) -> None:
    assert presentable(url) == shown
