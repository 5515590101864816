"""Services of Conversations with their configuration, roles and users, and the configurations of addresses."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client
from twilio.rest.conversations.v1.service import ServiceContext

from flex_outbound.sandbox import defaults

from .conftest import CUSTOMER, Start, eventually

UNKNOWN_ROLE = "RL" + "0" * 32


@pytest.fixture
def service(client: Client) -> ServiceContext:
    return client.conversations.v1.services(defaults.CHAT_SERVICE_SID)


def code_of(action: Any, *args: object, **kwargs: object) -> int:
    with pytest.raises(TwilioRestException) as refusal:
        action(*args, **kwargs)
    return int(refusal.value.code)


def test_services_are_made_listed_and_removed(client: Client) -> None:
    services = client.conversations.v1.services
    made = services.create(friendly_name="Second")
    assert made.sid.startswith("IS")
    assert [one.friendly_name for one in services.list()] == ["Flex Chat Service", "Second"]
    assert services(made.sid).fetch().links["roles"].endswith(f"{made.sid}/Roles")
    assert len(services(made.sid).bindings.list()) == 0
    assert made.delete() is True
    assert code_of(services(made.sid).fetch) == 20404
    assert code_of(services(defaults.CHAT_SERVICE_SID).delete) == 20001


def test_each_service_has_conversations_of_its_own(client: Client, service: ServiceContext) -> None:
    other = client.conversations.v1.services(client.conversations.v1.services.create(friendly_name="Second").sid)
    mine = service.conversations.create(unique_name="same")
    theirs = other.conversations.create(unique_name="same")
    assert (mine.chat_service_sid, theirs.chat_service_sid) == (defaults.CHAT_SERVICE_SID, theirs.chat_service_sid)
    assert [one.sid for one in other.conversations.list()] == [theirs.sid]
    assert [one.sid for one in client.conversations.v1.conversations.list()] == [mine.sid]
    assert code_of(service.conversations(theirs.sid).fetch) == 20404
    client.conversations.v1.configuration().update(default_chat_service_sid=theirs.chat_service_sid)
    assert client.conversations.v1.conversations("same").fetch().sid == theirs.sid
    assert code_of(client.conversations.v1.configuration().update, default_chat_service_sid="IS" + "0" * 32) == 20404


def test_what_is_in_a_service_names_it_and_links_within_it(
    service: ServiceContext, start: Start, raw: httpx.Client
) -> None:
    root = f"/v1/Services/{defaults.CHAT_SERVICE_SID}/Conversations/{start().conversation}"
    message = raw.post(f"/conversations{root}/Messages", data={"Body": "Hello"}).json()
    hook = {"Target": "webhook", "Configuration.Url": "https://x.example", "Configuration.Filters": "onMessageAdded"}
    raw.post(f"/conversations{root}/Webhooks", data=hook)
    lists = {
        "Participants": "participants",
        "Messages": "messages",
        f"Messages/{message['sid']}/Receipts": "delivery_receipts",
        "Webhooks": "webhooks",
    }
    for path, key in lists.items():
        [one] = raw.get(f"/conversations{root}/{path}").json()[key]
        assert one["chat_service_sid"] == defaults.CHAT_SERVICE_SID, path
        assert one["url"] == f"https://conversations.twilio.com{root}/{path}/{one['sid']}"
        outside = root.replace(f"/Services/{defaults.CHAT_SERVICE_SID}", "")
        [plain] = raw.get(f"/conversations{outside}/{path}").json()[key]
        assert "chat_service_sid" not in plain, path


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("Services", 100),
        ("Roles", 50),
        ("Users", 50),
        ("Conversations", 100),
        ("Configuration/Addresses", 50),
        ("ParticipantConversations?Identity=x", 50),
        ("Conversations/{sid}/Messages", 100),
        ("Conversations/{sid}/Participants", 100),
        ("Conversations/{sid}/Webhooks", 5),
    ],
)
def test_a_page_has_at_most_what_twilio_allows(path: str, most: int, client: Client, raw: httpx.Client) -> None:
    path = path.format(sid=client.conversations.v1.conversations.create().sid)
    mark = "&" if "?" in path else "?"
    assert raw.get(f"/conversations/v1/{path}{mark}PageSize={most}").status_code == 200
    assert raw.get(f"/conversations/v1/{path}{mark}PageSize={most + 1}").json()["code"] == 20001


def test_the_roles_of_a_service(service: ServiceContext) -> None:
    assert {one.friendly_name for one in service.roles.list()} >= {"service user", "channel user"}
    made = service.roles.create(friendly_name="reader", type="conversation", permission=["leaveConversation"])
    assert made.sid.startswith("RL")
    assert made.update(permission=["sendMessage", "leaveConversation"]).permissions[0] == "sendMessage"
    assert service.roles(made.sid).fetch().type == "conversation"
    assert code_of(service.roles.create, friendly_name="reader", type="service", permission=["x"]) == 20409
    assert code_of(service.roles.create, friendly_name="two", type="king", permission=["x"]) == 20001
    assert code_of(service.roles.create, friendly_name="two", type="service", permission=[]) == 20001
    configuration = service.configuration()
    assert configuration.update(default_conversation_role_sid=made.sid).default_conversation_role_sid == made.sid
    assert code_of(made.delete) == 20001
    assert code_of(configuration.update, default_conversation_role_sid=UNKNOWN_ROLE) == 20404


def test_a_participants_role_is_one_of_the_service(client: Client, service: ServiceContext) -> None:
    role = service.roles.list()[-1].sid
    participants = client.conversations.v1.conversations.create().participants
    ada = participants.create(identity="ada", role_sid=role)
    assert ada.role_sid == role
    assert code_of(participants.create, identity="bea", role_sid=UNKNOWN_ROLE) == 20404
    assert code_of(ada.update, role_sid=UNKNOWN_ROLE) == 20404


def test_who_joins_by_identity_becomes_a_user(client: Client, service: ServiceContext) -> None:
    conversation = client.conversations.v1.conversations.create(friendly_name="Talk")
    conversation.messages.create(body="one")
    conversation.participants.create(identity="ada")
    [ada] = service.users.list()
    assert (ada.identity, ada.role_sid) == ("ada", service.configuration().fetch().default_chat_service_role_sid)
    [found] = client.conversations.v1.participant_conversations.list(identity="ada")
    assert found.participant_user_sid == ada.sid
    [joined] = client.conversations.v1.users("ada").user_conversations.list()
    assert (joined.conversation_sid, joined.unread_messages_count) == (conversation.sid, 1)
    read = joined.update(notification_level="muted", last_read_message_index=0)
    assert (read.notification_level, read.unread_messages_count) == ("muted", 0)
    assert code_of(joined.update, notification_level="loud") == 20001
    assert joined.delete() is True
    assert conversation.participants.list() == []


def test_users_are_made_changed_and_removed(client: Client, service: ServiceContext) -> None:
    made = service.users.create(identity="bea", friendly_name="Bea", attributes='{"a": 1}')
    assert code_of(service.users.create, identity="bea") == 20409
    assert code_of(service.users.create, identity="x", attributes="[") == 20001
    assert service.users("bea").fetch().sid == made.sid
    assert made.update(friendly_name="Beatrix").friendly_name == "Beatrix"
    client.conversations.v1.conversations.create().participants.create(identity="bea")
    assert made.delete() is True
    assert client.conversations.v1.participant_conversations.list(identity="bea") == []


def test_the_configuration_of_a_service_is_kept(service: ServiceContext) -> None:
    assert service.configuration().update(reachability_enabled=True).reachability_enabled is True
    notifications = service.configuration.notifications()
    changed = notifications.update(log_enabled=True, new_message_enabled=True, new_message_template="${MESSAGE}")
    assert (changed.log_enabled, changed.new_message["enabled"]) == (True, True)
    assert notifications.fetch().new_message["template"] == "${MESSAGE}"


def test_an_address_is_configured_changed_and_removed(client: Client) -> None:
    addresses = client.conversations.v1.address_configurations
    first = next(one for one in addresses.list(type="sms") if one.address == defaults.SMS_SENDER)
    assert code_of(addresses.create, type="sms", address=defaults.SMS_SENDER) == 20409
    assert first.delete() is True
    made = addresses.create(
        type="sms",
        address=defaults.SMS_SENDER,
        auto_creation_enabled=True,
        auto_creation_type="webhook",
        auto_creation_conversation_service_sid=defaults.CHAT_SERVICE_SID,
        auto_creation_webhook_url="https://x.example/in",
        auto_creation_webhook_filters=["onMessageAdded"],
    )
    assert made.auto_creation == {
        "enabled": True,
        "type": "webhook",
        "conversation_service_sid": defaults.CHAT_SERVICE_SID,
        "webhook_url": "https://x.example/in",
        "webhook_filters": ["onMessageAdded"],
    }
    assert addresses(defaults.SMS_SENDER).fetch().sid == made.sid
    assert made.update(auto_creation_enabled=False, friendly_name="Desk").auto_creation["enabled"] is False


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"address": "+15550000000"}, 21606),
        ({"type": "pigeon"}, 20001),
        ({"auto_creation_type": "studio"}, 20001),
        ({"auto_creation_type": "magic"}, 20001),
        ({"auto_creation_type": "webhook"}, 20001),
        ({"auto_creation_conversation_service_sid": "IS" + "0" * 32}, 20404),
    ],
)
def test_an_address_is_not_configured_wrongly(client: Client, wrong: dict[str, str], code: int) -> None:
    addresses = client.conversations.v1.address_configurations
    addresses(defaults.SMS_SENDER).delete()
    assert code_of(addresses.create, **{"type": "sms", "address": defaults.SMS_SENDER, **wrong}) == code


def test_a_conversation_is_made_with_its_participants_or_not_at_all(client: Client) -> None:
    together = client.conversations.v1.conversation_with_participants
    customer = f'{{"messaging_binding": {{"address": "{CUSTOMER}", "proxy_address": "{defaults.SMS_SENDER}"}}}}'
    made = together.create(friendly_name="Both", participant=[customer, '{"identity": "ada"}'])
    people = client.conversations.v1.conversations(made.sid).participants.list()
    assert [one.identity or one.messaging_binding["address"] for one in people] == [CUSTOMER, "ada"]
    assert code_of(together.create, participant=['{"identity": "bea"}', customer]) == 50416
    assert code_of(together.create, participant=['{"identity": "bea"}', '{"identity": "bea"}']) == 50433
    assert code_of(together.create, participant=['{"identity": 5}']) == 20001
    assert code_of(together.create, participant=['{"identity": "x"}'] * 11) == 50426
    assert len(client.conversations.v1.conversations.list()) == 1


def test_the_accounts_timers_are_those_of_new_conversations(client: Client) -> None:
    configuration = client.conversations.v1.configuration()
    changed = configuration.update(default_inactive_timer="PT1M", default_closed_timer="PT10M")
    assert (changed.default_inactive_timer, changed.default_closed_timer) == ("PT1M", "PT10M")
    made = client.conversations.v1.conversations.create()
    assert set(eventually(lambda: made.timers)) == {"date_inactive", "date_closed"}
    assert code_of(configuration.update, default_inactive_timer="PT59S") == 20001
