"""Consent told in bulk, and single phone numbers."""

from __future__ import annotations

import httpx
import pytest
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.rest import Client

from flex_outbound.sandbox import defaults

from .conftest import CUSTOMER, Control, Start
from .test_conversations import receipt

KEY = "ad388b5a46b33b874b0d41f7226db2ef"


def consent(status: str, **changes: object) -> dict[str, object]:
    return {
        "contact_id": CUSTOMER,
        "correlation_id": KEY,
        "sender_id": defaults.SMS_SENDER,
        "status": status,
        "source": "website",
        **changes,
    }


def test_who_opts_out_is_not_written_to_until_they_opt_in(client: Client, start: Start, raw: httpx.Client) -> None:
    consents = client.accounts.v1.bulk_consents
    answer = consents.create_with_http_info(items=[consent("opt-out", date_of_consent="2026-01-15T09:00:00Z")])
    assert answer.status_code == 201
    assert answer.data.items == [{"correlation_id": KEY, "error_code": 0, "error_messages": []}]
    with pytest.raises(TwilioRestException) as refusal:
        start()
    assert refusal.value.code == 21610
    consents.create(items=[consent("opt-in")])
    assert start().sid


def test_an_opt_out_can_come_back_in_the_receipt_alone(client: Client, start: Start, control: Control) -> None:
    client.accounts.v1.bulk_consents.create(items=[consent("opt-out")])
    control.options(opted_out="receipt")
    made = start()
    message = client.conversations.v1.conversations(made.conversation).messages.create(body="Hello")
    assert receipt(client, made.conversation, message.sid).error_code == 21610


def test_each_item_is_judged_by_itself(client: Client) -> None:
    wrong = consent("opt-out", contact_id="5550100", date_of_consent="yesterday")
    made = client.accounts.v1.bulk_consents.create(items=[wrong, consent("opt-in")])
    first, second = made.items
    assert first["error_code"] == 30646
    assert first["error_messages"] == ["INVALID_CONTACT_ID", "INVALID_DATE_OF_CONSENT"]
    assert second["error_code"] == 0


@pytest.mark.parametrize(
    "changes",
    [{"correlation_id": "x"}, {"sender_id": "+15005550009"}, {"status": "maybe"}, {"source": []}, {"contact_id": None}],
)
def test_an_item_of_the_wrong_kind_is_refused(client: Client, changes: dict[str, object]) -> None:
    [item] = client.accounts.v1.bulk_consents.create(items=[consent("opt-in") | changes]).items
    assert item["error_messages"] == [f"INVALID_{next(iter(changes)).upper()}"]


@pytest.mark.parametrize("items", [[], [consent("opt-in")] * 26])
def test_there_are_1_to_25_items(client: Client, items: list[dict[str, object]]) -> None:
    with pytest.raises(TwilioRestException) as refusal:
        client.accounts.v1.bulk_consents.create(items=items)
    assert refusal.value.code == 20001


def test_one_phone_number_is_fetched_and_found(client: Client) -> None:
    numbers = client.incoming_phone_numbers
    [uk] = numbers.list(phone_number="+4420")
    assert numbers(uk.sid).fetch().phone_number == defaults.SMS_SENDER_UK
    assert [one.phone_number for one in numbers.list(phone_number="+150055500*6")] == [defaults.SMS_SENDER]
    assert [one.phone_number for one in numbers.list(friendly_name="Front desk")] == [defaults.SMS_SENDER]
    assert numbers.list(beta=True) == numbers.list(origin="hosted") == []
    with pytest.raises(TwilioRestException) as refusal:
        numbers("PN" + "0" * 32).fetch()
    assert refusal.value.code == 20404


def test_templates_are_sorted_and_narrowed_as_asked(client: Client) -> None:
    contents = client.content.v2.contents
    names = [one.name for one in defaults.CONTENT_TEMPLATES]
    assert [one.friendly_name for one in contents.list(sort_by_content_name="desc")] == sorted(names, reverse=True)
    assert [one.friendly_name for one in contents.list(content="spring")] == ["spring_offer"]
    assert contents.list(content_type=["twilio/location"]) == []
    assert contents.list(date_created_before="2025-01-14T00:00:00Z") == []
    assert len(contents.list(date_created_after="2025-01-14T00:00:00Z")) == len(names)
    with pytest.raises(TwilioException, match="SortByDate"):
        contents.list(sort_by_date="sideways")
