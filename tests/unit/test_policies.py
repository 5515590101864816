"""What ``can_message`` may answer, and what the agent then reads."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.utils.translation import gettext_lazy

from crm_demo.models import Contact
from flex_outbound.channels import Channel
from flex_outbound.contacts import ContactAdapter
from flex_outbound.outbox.preflight import Setup, option_for, refusal_of


class Policy(ContactAdapter):
    """Answers what it is told to."""

    phone_field = "mobile"

    def __init__(self, answer: Any) -> None:
        super().__init__(Contact)
        self.answer = answer

    def can_message(self, user: Any, contact: Any, channel: Channel) -> Any:
        return self.answer


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (True, ""),
        (False, "You may not message this contact."),
        (None, "You may not message this contact."),
        ("", "You may not message this contact."),
        ("Closed for the holidays.", "Closed for the holidays."),
        (gettext_lazy("Cancel"), "Cancel"),
    ],
)
def test_a_policy_says_yes_no_or_why(answer: Any, words: str) -> None:
    assert refusal_of(Policy(answer), None, None, Channel.SMS) == words


def test_the_words_reach_the_button() -> None:
    setup = Setup(user=None, senders=[SimpleNamespace(channel=Channel.SMS)])  # type: ignore[list-item]
    contact = Contact(mobile="+14155550123")
    option = option_for(setup, Policy("Closed for the holidays."), contact, Channel.SMS)
    assert (option.enabled, option.reason, option.reason_text) == (False, "not_allowed", "Closed for the holidays.")
