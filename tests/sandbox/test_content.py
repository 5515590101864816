"""Content templates and the Flex configuration."""

from __future__ import annotations

import httpx
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from flex_outbound.sandbox import defaults

NAMES = [template.name for template in defaults.CONTENT_TEMPLATES]


def test_templates_are_listed_with_and_without_their_approvals(client: Client) -> None:
    assert [one.friendly_name for one in client.content.v1.contents.list()] == NAMES
    statuses = {
        one.friendly_name: one.approval_requests["status"] for one in client.content.v1.content_and_approvals.list()
    }
    assert statuses == {one.name: one.status for one in defaults.CONTENT_TEMPLATES}
    assert set(statuses.values()) == {"approved", "pending", "rejected"}


def test_version_two_filters_by_eligibility(client: Client, raw: httpx.Client) -> None:
    approved = client.content.v2.content_and_approvals.list(channel_eligibility=["whatsapp:approved"])
    assert {one.approval_requests["status"] for one in approved} == {"approved"}
    assert approved[0].variables == {"1": "Ann", "2": "Monday at 10:00"}
    assert client.content.v2.contents.list(content_name="follow")[0].friendly_name == "follow_up"
    wrong = raw.get("/content/v2/ContentAndApprovals", params={"ChannelEligibility": "pigeon:approved"})
    assert wrong.json()["code"] == 20001
    assert list(raw.get("/content/v2/ContentAndApprovals").json()) == ["contents", "meta"]


def test_one_template_and_its_approval_can_be_fetched(client: Client) -> None:
    rejected = defaults.CONTENT_TEMPLATES[-1]
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
