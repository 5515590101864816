"""``flex_export``: everything of one contact as JSON, and nothing of others."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command

from crm_demo.models import Contact
from flex_outbound.models import Account, Conversation, ConversationContact, Draft, Interaction, TaskUpdate
from flex_outbound.privacy import exporting, people
from flex_outbound.testing import Flex

from .conftest import MARK, Opened, read

pytestmark = pytest.mark.django_db


def export(contact: Contact, *more: str) -> dict[str, Any]:
    out = StringIO()
    call_command("flex_export", "--contact", f"crm_demo.contact:{contact.pk}", *more, stdout=out)
    return json.loads(out.getvalue()) if out.getvalue() else {}


def test_everything_of_a_contact_is_in_it(flex: Flex, opened: Opened, contact: Contact) -> None:
    row = opened(channel="email", subject="Hi", cc=("c@example.com",))
    sid = flex.gateway.add_message(row.conversation_sid or "", f"It is\n“{MARK}”", subject="Re: Hi")
    read(flex)
    found = export(contact)
    assert (found["format"], found["contact"]) == ("flex-outbound-contact/1", f"crm_demo.contact:{contact.pk}")
    assert f"{MARK.lower()}@example.com" in found["addresses"]
    [interaction] = found["interactions"]
    assert interaction["id"] == str(row.pk)
    assert (interaction["contact_name"], interaction["cc"]) == (contact.full_name, ["c@example.com"])
    assert interaction["message"]["body"] == f"Hello {MARK}"
    assert [one["outcome"] for one in interaction["attempts"]] == ["accepted"]
    [conversation] = found["conversations"]
    assert conversation["conversation_sid"] == row.conversation_sid
    assert [one["body"] for one in conversation["messages"]] == [f"Hello {MARK}", f"It is\n“{MARK}”"]
    assert conversation["messages"][1]["message_sid"] == sid
    assert conversation["is_shared"] is False


def test_the_agents_notes_are_in_it(opened: Opened, contact: Contact) -> None:
    row = opened()
    Interaction.objects.filter(pk=row.pk).update(outcome="Solved", notes="Sent again")
    assert export(contact)["interactions"][0]["task_update"] is None
    TaskUpdate.objects.create(interaction=row, attributes={"ticket": 7})
    [interaction] = export(contact)["interactions"]
    assert (interaction["outcome"], interaction["notes"]) == ("Solved", "Sent again")
    assert interaction["task_update"]["attributes"] == {"ticket": 7}
    assert interaction["task_update"]["state"] == "waiting"


def test_it_is_written_in_pieces(flex: Flex, opened: Opened, contact: Contact) -> None:
    row = opened()
    for number in range(20):
        flex.gateway.add_message(row.conversation_sid or "", f"{number} " + "x" * 500)
    read(flex)
    pieces = list(exporting.export(people.find(f"crm_demo.contact:{contact.pk}")))
    assert max(map(len, pieces)) < 5000
    assert len(json.loads("".join(pieces))["conversations"][0]["messages"]) == 21


def test_a_shared_conversation_names_no_other_contact(flex: Flex, opened: Opened, contact: Contact) -> None:
    row = opened()
    other = ConversationContact(
        contact_type=row.contact_type, contact_id="4711", conversation=Conversation.objects.get()
    )
    other.save()
    found = export(contact)
    assert found["conversations"][0]["is_shared"] is True
    assert "4711" not in json.dumps(found["conversations"][0]["links"])


def test_what_is_at_twilio_only_is_said_to_be(flex: Flex, opened: Opened, contact: Contact) -> None:
    Account.objects.update(message_text="fetch")
    opened()
    [message] = export(contact)["conversations"][0]["messages"]
    assert (message["body"], message["is_text_kept"]) == ("", False)


def test_a_contact_without_anything_is_an_empty_document(flex: Flex, contact: Contact) -> None:
    found = export(contact)
    assert (found["interactions"], found["conversations"], found["index"]) == ([], [], [])


def test_a_file_is_new_and_its_owners(flex: Flex, opened: Opened, contact: Contact, tmp_path: Path) -> None:
    opened()
    path = tmp_path / "ann.json"
    export(contact, "--output", str(path))
    assert json.loads(path.read_text())["contact"] == f"crm_demo.contact:{contact.pk}"
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(CommandError, match="exists"):
        export(contact, "--output", str(path))
    with pytest.raises(CommandError, match="no model"):
        call_command("flex_export", "--contact", "crm_demo.nobody:1")


def test_what_an_agent_has_typed_is_in_it(user: User, contact: Contact) -> None:
    kind = ContentType.objects.get_for_model(Contact)
    Draft.objects.create(
        contact_type=kind, contact_id=str(contact.pk), user=user, place="email", values={"body": MARK, "cc": "c@d.io"}
    )
    [draft] = export(contact)["drafts"]
    assert (draft["agent"], draft["place"], draft["values"]) == ("ada", "email", {"body": MARK, "cc": "c@d.io"})
