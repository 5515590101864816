"""Every reason that the pipeline writes has its words, for the agent and in lists."""

import pytest

from flex_outbound import problems
from flex_outbound.gateway import errors

PIPELINE = {
    "address_changed",
    "agent_not_allowed",
    "agent_rejected",
    "agent_timeout",
    "canceled",
    "contact_gone",
    "consent_unknown",
    "contact_not_visible",
    "media_refused",
    "needs_review",
    "no_consent",
    "not_allowed",
    "not_own",
    "task_canceled",
    "task_deleted",
    "template_gone",
    "template_not_approved",
    "worker_channel_off",
    "worker_full",
    "worker_offline",
    "workflow_timeout",
}
"""Reasons that the pipeline finds by itself, without an error of Twilio's."""

WRITTEN = errors.REASONS | PIPELINE


@pytest.mark.parametrize("reason", sorted(WRITTEN))
def test_every_reason_has_a_label_and_a_message(reason: str) -> None:
    assert problems.label(reason) != reason
    assert problems.agent_message(reason)[-1] in ".?"
    assert "%" not in problems.agent_message(reason)


def test_the_catalogue_has_no_reason_that_nobody_writes() -> None:
    assert set(problems.REASONS) == WRITTEN


def test_the_reasons_are_in_the_order_of_their_names() -> None:
    assert list(problems.REASONS) == sorted(problems.REASONS)


def test_an_unknown_reason_is_its_own_label() -> None:
    assert problems.label("new_at_twilio") == "new_at_twilio"


def test_an_unknown_reason_has_the_words_of_an_unknown_error() -> None:
    assert problems.agent_message("new_at_twilio") == problems.agent_message("unknown_error")


@pytest.mark.parametrize(("reason", "case"), sorted(problems.CASES))
def test_a_case_has_words_of_its_own(reason: str, case: str) -> None:
    assert problems.agent_message(reason, case) != problems.agent_message(reason)


def test_a_case_that_a_reason_does_not_have_changes_nothing() -> None:
    assert problems.agent_message("opted_out", problems.MESSAGE) == problems.agent_message("opted_out")


@pytest.mark.parametrize("reason", ["busy", "never_sent", "delayed"])
def test_every_reason_can_be_given_up_on(reason: str) -> None:
    assert "you can try again" in problems.agent_message(reason, problems.GAVE_UP)


def test_a_message_names_the_channel() -> None:
    assert "for WhatsApp that you may use" in problems.agent_message("no_sender", channel="WhatsApp")


@pytest.mark.parametrize("code", [None, 20003, 20404, 21606, 21408, 99999])
def test_a_problem_of_an_account_says_what_to_do(code: int | None) -> None:
    problem = problems.explain_account(code)
    assert problem.summary
    assert problem.remedy
    assert problem.url == (f"https://www.twilio.com/docs/api/errors/{code}" if code else "")


@pytest.mark.parametrize(
    ("reason", "code", "params", "words"),
    [
        ("", 21610, {"said": "No."}, ""),
        ("opted_out", 21610, {}, "unsubscribed from messages"),
        ("opted_out", 63014, {}, "your WhatsApp messages"),
        ("not_delivered", 30005, {}, "not in use"),
        ("not_delivered", None, {}, "did not reach the customer"),
        ("never_sent", None, {"case": problems.GAVE_UP}, "you can try again"),
        ("needs_review", 20503, {"case": "task_taken"}, "belongs to another interaction"),
        ("needs_review", None, {"case": "of a newer version"}, "no conversation was found"),
        ("not_allowed", None, {"said": "100 % no"}, "100 % no"),
    ],
)
def test_what_is_stored_is_put_into_words(reason: str, code: int | None, params: dict[str, str], words: str) -> None:
    said = problems.stored_message(reason, code, params)
    assert words in said
    assert bool(words) == bool(said)


@pytest.mark.parametrize(
    ("given", "stored"), [({}, {}), ({"case": "a"}, {"case": "a"}), ({"said": "b"}, {"said": "b"})]
)
def test_only_what_is_needed_is_stored_beside_a_reason(given: dict[str, str], stored: dict[str, str]) -> None:
    assert problems.params_of(**given) == stored
