"""Managers keep shared saved replies and the signatures of senders; agents' own stay theirs."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from flex_outbound.channels import Channel
from flex_outbound.models import SavedReply, Sender

pytestmark = pytest.mark.django_db

ADD = "/admin/flex_outbound/savedreply/add/"
POSTED = {"title": "Greeting", "category": "", "short_code": "Hi", "channel": "", "is_active": "on", "subject": ""}


def errors(response: Any) -> dict[str, list[str]]:
    return dict(response.context["adminform"].form.errors)


def test_a_shared_reply_is_made_with_its_groups(admin_client: Client) -> None:
    group = Group.objects.create(name="Clinic")
    posted = POSTED | {"body": "Hi {{contact.name}}\r\nA", "allowed_groups": [group.pk]}
    assert admin_client.post(ADD, posted).status_code == 302
    reply = SavedReply.objects.get()
    assert (reply.owner, reply.short_code, reply.body) == (None, "hi", "Hi {{contact.name}}\nA")
    assert list(reply.groups.all()) == [group]
    page = admin_client.get(reverse("admin:flex_outbound_savedreply_changelist")).content.decode()
    assert "Clinic" in page
    assert "/hi" in page


def test_a_short_code_is_taken_once(admin_client: Client) -> None:
    admin_client.post(ADD, POSTED | {"body": "One"})
    refused = admin_client.post(ADD, POSTED | {"body": "Two", "short_code": "hI"})
    assert errors(refused) == {"short_code": ["“Greeting” has this short code already. Choose another one."]}
    assert SavedReply.objects.count() == 1


def test_line_ends_count_one(admin_client: Client) -> None:
    assert admin_client.post(ADD, POSTED | {"body": "a\r\n" * 799 + "ab"}).status_code == 302
    refused = admin_client.post(ADD, POSTED | {"body": "😀" * 1601, "short_code": ""})
    assert list(errors(refused)) == ["body"]


def test_agents_own_are_not_listed(admin_client: Client) -> None:
    reply = SavedReply.objects.create(title="Secret note", body="x", owner=User.objects.create_user("bea"))
    page = admin_client.get(reverse("admin:flex_outbound_savedreply_changelist"))
    assert "Secret note" not in page.content.decode()
    assert admin_client.get(reverse("admin:flex_outbound_savedreply_change", args=[reply.pk])).status_code == 302


def sender_form(sender: Sender, **changes: Any) -> dict[str, Any]:
    names = ("address", "display_name", "queue_sid", "workflow_sid", "task_channel")
    return {name: getattr(sender, name) for name in names} | {"is_active": "on"} | changes


def test_a_sender_of_emails_has_a_signature_and_no_other(admin_client: Client, senders: dict[Channel, Sender]) -> None:
    sender = senders[Channel.EMAIL]
    url = reverse("admin:flex_outbound_sender_change", args=[sender.pk])
    posted = sender_form(sender, signature="{{agent.name}}\r\nThe Clinic")
    assert admin_client.post(url, posted).status_code == 302
    sender.refresh_from_db()
    assert sender.signature == "{{agent.name}}\nThe Clinic"
    assert b"signature" in admin_client.get(url).content
    other = reverse("admin:flex_outbound_sender_change", args=[senders[Channel.SMS].pk])
    assert b"signature" not in admin_client.get(other).content
    add = admin_client.get("/admin/flex_outbound/sender/add/", {"account": sender.account_id, "channel": "email"})
    assert b"signature" in add.content


def test_a_signature_knows_the_agent_alone(admin_client: Client, senders: dict[Channel, Sender]) -> None:
    sender = senders[Channel.EMAIL]
    url = reverse("admin:flex_outbound_sender_change", args=[sender.pk])
    refused = admin_client.post(url, sender_form(sender, signature="{{contact.name}}"))
    assert "A signature knows no {{contact.name}}" in errors(refused)["signature"][0]
    too_long = admin_client.post(url, sender_form(sender, signature="x" * 1001))
    assert list(errors(too_long)) == ["signature"]
