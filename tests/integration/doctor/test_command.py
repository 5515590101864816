"""The command: lines for people, JSON for programs, an exit status for both."""

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from flex_outbound.management.commands import flex_doctor
from flex_outbound.setup.doctor.results import CheckResult, Level
from flex_outbound.setup.doctor.runner import NoSuchAccount

WELL = CheckResult("database", Level.OK, "It answers.")
SO_SO = CheckResult("callbacks_taskrouter", Level.WARNING, "Nobody is called.", "Register.", "Sandbox")
BAD = CheckResult("broker", Level.ERROR, "It does not answer.", "Start it.")


@pytest.fixture
def results(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[list[CheckResult]]:
    """What the examination finds, on a developer's machine: the checks for a deployment have tests of their own."""
    settings.DEBUG = True
    found = [WELL, SO_SO]
    monkeypatch.setattr(flex_doctor, "run_checks", lambda celery, wanted: found)
    return found


def run(**options: Any) -> tuple[int, str]:
    said = StringIO()
    try:
        call_command("flex_doctor", stdout=said, **options)
    except SystemExit as end:
        return int(end.code or 0), said.getvalue()
    return 0, said.getvalue()


def test_yellow_is_no_reason_to_fail(results: list[CheckResult]) -> None:
    status, said = run()
    assert status == 0
    assert "The system checks find no problem." in said
    assert "\nSandbox\n" in said
    assert "→ Register." in said
    assert "\x1b" not in said


def test_red_is_a_status_of_one(results: list[CheckResult]) -> None:
    results.append(BAD)
    status, said = run()
    assert status == 1
    assert "ERROR    broker" in said


def test_a_terminal_is_given_colours(results: list[CheckResult]) -> None:
    assert "\x1b[32;1mok" in run(force_color=True)[1]
    assert "\x1b" not in run(no_color=True)[1]


def test_programs_are_given_json(results: list[CheckResult]) -> None:
    status, said = run(json=True)
    told = json.loads(said)
    assert (status, told["ok"]) == (0, True)
    settings, *others = told["results"]
    assert settings["part"] == "settings"
    assert others[1] == {
        "part": "callbacks_taskrouter",
        "level": "warning",
        "summary": "Nobody is called.",
        "remedy": "Register.",
        "account": "Sandbox",
    }
    results.append(BAD)
    status, said = run(json=True)
    assert (status, json.loads(said)["ok"]) == (1, False)


def test_a_wrong_setting_is_a_red_line_and_no_end(results: list[CheckResult], settings: Any) -> None:
    settings.FLEX_OUTBOUND = {"API_BASEURL": "x"}
    status, said = run()
    assert status == 1
    assert "flex_outbound.E002" in said
    assert "database" in said
    settings.SILENCED_SYSTEM_CHECKS = ["flex_outbound.E002"]
    assert "flex_outbound.E002" not in run()[1]


def test_an_account_that_does_not_exist_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(celery: object, wanted: str) -> list[CheckResult]:
        raise NoSuchAccount(wanted, ["Ours (1)"])

    monkeypatch.setattr(flex_doctor, "run_checks", nobody)
    with pytest.raises(CommandError, match=r"no active Twilio account “nobody”. There are: Ours \(1\)"):
        call_command("flex_doctor", account="nobody")
