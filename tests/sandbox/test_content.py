"""Content templates and the Flex configuration."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from flex_outbound.sandbox import defaults
from tests.sandbox.conftest import Control

NAMES = [template.name for template in defaults.CONTENT_TEMPLATES]


def test_templates_are_listed_with_and_without_their_approvals(client: Client) -> None:
    assert [one.friendly_name for one in client.content.v1.contents.list()] == NAMES
    statuses = {
        one.friendly_name: one.approval_requests["status"] for one in client.content.v1.content_and_approvals.list()
    }
    assert statuses == {one.name: one.status for one in defaults.CONTENT_TEMPLATES}
    assert set(statuses.values()) == {"approved", "pending", "rejected", "paused", "unsubmitted"}


def test_version_two_filters_by_eligibility(client: Client, raw: httpx.Client) -> None:
    approved = client.content.v2.content_and_approvals.list(channel_eligibility=["whatsapp:approved"])
    assert {one.approval_requests["status"] for one in approved} == {"approved"}
    assert approved[0].variables == {"1": "Ann", "2": "Monday at 10:00"}
    assert client.content.v2.contents.list(content_name="follow")[0].friendly_name == "follow_up"
    wrong = raw.get("/content/v2/ContentAndApprovals", params={"ChannelEligibility": "pigeon:approved"})
    assert wrong.json()["code"] == 20001
    assert list(raw.get("/content/v2/ContentAndApprovals").json()) == ["contents", "meta"]


def test_one_template_and_its_approval_can_be_fetched(client: Client) -> None:
    [rejected] = [one for one in defaults.CONTENT_TEMPLATES if one.status == "rejected"]
    content = client.content.v1.contents(rejected.sid)
    assert content.fetch().types == {"twilio/text": {"body": rejected.body}}
    approval = content.approval_fetch().fetch().whatsapp
    assert (approval["status"], approval["rejection_reason"]) == ("rejected", rejected.rejection_reason)
    with pytest.raises(TwilioRestException):
        client.content.v1.contents("HX" + "0" * 32).fetch()


def test_the_configuration_names_the_instance_and_the_workspace(client: Client) -> None:
    configuration = client.flex_api.v1.configuration().fetch()
    assert configuration.flex_instance_sid == defaults.FLEX_INSTANCE_SID
    assert configuration.taskrouter_workspace_sid == defaults.WORKSPACE_SID
    assert configuration.chat_service_instance_sid == defaults.CHAT_SERVICE_SID


TYPES: dict[str, dict[str, Any]] = {
    "twilio/text": {"body": "Hello {{1}}"},
    "twilio/media": {"body": "Hello", "media": ["https://example.com/{{1}}.jpg"]},
    "twilio/quick-reply": {"body": "Hello", "actions": [{"type": "QUICK_REPLY", "title": "Yes", "id": "y"}]},
    "twilio/call-to-action": {"body": "Hello", "actions": [{"type": "URL", "title": "Go", "url": "https://a.b/{{1}}"}]},
    "twilio/list-picker": {"body": "Hello", "button": "Choose", "items": [{"item": "One", "id": "1"}]},
    "twilio/card": {"title": "Hello {{1}}", "subtitle": "Foot", "actions": []},
    "whatsapp/card": {"body": "Hello", "header_text": "Head", "footer": "Foot", "actions": []},
    "whatsapp/authentication": {"actions": [{"type": "COPY_CODE", "copy_code_text": "Copy"}]},
    "twilio/carousel": {"body": "Hello", "cards": [{"body": "One", "media": "https://a.b/c.jpg", "actions": []}]},
    "whatsapp/flows": {"body": "Hello", "button_text": "Begin", "flow_id": "1"},
    "twilio/flows": {"body": "Hello", "button_text": "Begin", "pages": [], "type": "OTHER"},
    "twilio/location": {"latitude": 48.2, "longitude": 16.4, "label": "Shop"},
    "twilio/catalog": {"body": "Hello", "title": "New", "items": [{"id": "1", "name": "Hat", "price": 5}]},
    "twilio/schedule": {"id": "1", "title": "When?", "timeSlots": "10:00"},
}


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("status", ["received", "disabled"])
def test_every_type_is_listed_with_an_approval_in_any_status(
    kind: str, status: str, client: Client, control: Control
) -> None:
    body = {"types": {kind: TYPES[kind]}, "name": "new", "variables": {"1": "Ann"}, "status": status}
    sid = control.post("/templates", body)["sid"]
    for listed in (client.content.v1.content_and_approvals, client.content.v2.content_and_approvals):
        [found] = [one for one in listed.list(page_size=2) if one.sid == sid]
        assert found.types == {kind: TYPES[kind]}
        assert found.approval_requests is not None
        assert (found.approval_requests["status"], found.approval_requests["content_type"]) == (status, kind)


def test_an_approval_is_withdrawn_and_a_template_deleted(client: Client, control: Control) -> None:
    sid = defaults.CONTENT_TEMPLATES[0].sid
    wanted = {"status": "paused", "rejection_reason": "Too many people blocked it."}
    assert control.post(f"/templates/{sid}", wanted) == {"sid": sid, "status": "paused"}
    approval = client.content.v1.contents(sid).approval_fetch().fetch().whatsapp
    assert (approval["status"], approval["rejection_reason"]) == ("paused", "Too many people blocked it.")
    control.http.delete(f"/templates/{sid}").raise_for_status()
    assert sid not in {one.sid for one in client.content.v1.contents.list()}


@pytest.mark.parametrize(
    "body", [[], {"types": {}}, {"types": []}, {"types": {"a": 1}}, {"types": {"a": {}}, "status": "fine"}]
)
def test_what_is_no_template_is_refused(body: Any, control: Control) -> None:
    assert control.http.post("/templates", json=body).status_code == 400
    assert control.http.post("/templates/HX1", json={}).status_code == 404
