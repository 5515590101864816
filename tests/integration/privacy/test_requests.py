"""What a form says of a person: erased, handed out and deleted with the contact; in no log, error or broker message."""

import json
import logging
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import IntegrityError
from django.test import Client
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound import interactions
from flex_outbound.contacts import adapter_for
from flex_outbound.models import Account, DispatchAttempt, Interaction
from flex_outbound.outbox import contact_index, jobs, starting
from flex_outbound.privacy import people, pruning
from flex_outbound.privacy.erasing import StillOpen, erase
from flex_outbound.privacy.remains import remains_of
from flex_outbound.testing import Flex
from tests.integration.admin.conftest import INTERACTIONS

from .conftest import MARK, end
from .test_erasing import everything

pytestmark = pytest.mark.django_db

NUMBER = "+14155550123"
FORM = {"topic": "return", "text": f"It is {MARK}", "more": [{"who": MARK}]}


def ask(flex: Flex, **changes: Any) -> Interaction:
    """Ask as a form does, and have it sent."""
    values: dict[str, Any] = {"channel": "sms", "address": NUMBER, "name": f"Ann {MARK}", "attributes": FORM}
    row = interactions.start(**values | {"key": f"mail-{MARK}"} | changes)
    flex.run_pending(within=30)
    row.refresh_from_db()
    return row


def person_of(contact: Contact) -> people.Person:
    return people.find(f"crm_demo.contact:{contact.pk}")


def clear(contact: Contact) -> None:
    """Empty the project's own record, as one does first."""
    Contact.objects.filter(pk=contact.pk).update(full_name="Erased")


def test_it_is_erased_with_its_contact(flex: Flex, account: Account, contact: Contact) -> None:
    row = ask(flex, contact=contact)
    with pytest.raises(StillOpen):
        erase(person_of(contact))
    end(flex, row)
    erase(person_of(contact))
    clear(contact)

    row.refresh_from_db()
    assert (row.attributes, row.contact_name, row.address, row.is_erased) == ({}, "", "", True)
    assert MARK not in everything()


def test_what_has_no_address_is_erased_once(flex: Flex, account: Account, contact: Contact) -> None:
    Contact.objects.filter(pk=contact.pk).update(mobile="", email="")
    contact.refresh_from_db()
    row = ask(flex, contact=contact, address="", conversation_sid="CH" + "4" * 32)
    Interaction.objects.filter(pk=row.pk).update(
        status="failed", error_reason="closed", next_at=None, finished_at=timezone.now()
    )
    row.refresh_from_db()
    assert (row.address, row.is_erased, row.may_retry) == ("", False, True)

    assert erase(person_of(contact)).interactions == 1
    assert erase(person_of(contact)).interactions == 0
    row.refresh_from_db()
    assert (row.attributes, row.is_erased, row.may_retry) == ({}, True, False)


def test_what_a_stranger_asked_goes_with_the_contact_that_they_became(
    flex: Flex, account: Account, contact: Contact
) -> None:
    row = ask(flex)
    assert row.contact_type is None
    contact_index.build(adapter_for(Contact))
    call = StringIO()
    call_command("flex_export", "--contact", f"crm_demo.contact:{contact.pk}", stdout=call)
    assert [one["attributes"] for one in json.loads(call.getvalue())["interactions"]] == [FORM]
    with pytest.raises(StillOpen):
        erase(person_of(contact))
    end(flex, row)
    done = erase(person_of(contact))

    row.refresh_from_db()
    assert row.attributes == {}
    assert row.task_sid in {one.sid for one in remains_of(person_of(contact), done.held)}


def test_of_a_shared_number_nobody_knows_who_asked(flex: Flex, account: Account, contact: Contact) -> None:
    row = ask(flex)
    Contact.objects.create(full_name="Bo", mobile=NUMBER, country="US")
    contact_index.build(adapter_for(Contact))
    end(flex, row)
    erase(person_of(contact))

    row.refresh_from_db()
    assert row.attributes == FORM


def test_the_admins_action_passes_over_what_is_nobodys(
    flex: Flex, account: Account, contact: Contact, admin_client: Client
) -> None:
    row = ask(flex)
    posted = {"action": "erase_contacts_of", "_selected_action": [str(row.pk)]}

    assert admin_client.post(INTERACTIONS, posted).status_code in {200, 302}
    row.refresh_from_db()
    assert row.attributes == FORM


def test_the_admins_action_erases_what_was_asked(
    flex: Flex, account: Account, contact: Contact, admin_client: Client
) -> None:
    row = ask(flex, contact=contact)
    end(flex, row)
    posted = {"action": "erase_contacts_of", "_selected_action": [str(row.pk)], "confirmed": "yes"}
    admin_client.post(INTERACTIONS, posted)

    row.refresh_from_db()
    assert row.attributes == {}


def test_it_is_handed_out(flex: Flex, account: Account, contact: Contact) -> None:
    ask(flex, contact=contact)
    out = StringIO()
    call_command("flex_export", "--contact", f"crm_demo.contact:{contact.pk}", stdout=out)

    [found] = json.loads(out.getvalue())["interactions"]
    assert (found["attributes"], found["initiated_by"]) == (FORM, "api")


def test_it_is_deleted_by_its_age_although_it_is_nobodys(flex: Flex, account: Account) -> None:
    row = ask(flex)
    end(flex, row)
    long_ago = timezone.now() - timezone.timedelta(days=40)
    Interaction.objects.update(created_at=long_ago, finished_at=long_ago)
    pruning.prune(30, pause=0)

    assert not Interaction.objects.exists()


def test_neither_log_nor_attempt_nor_broker_nor_repr_has_it(
    flex: Flex, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    asked: list[Any] = []
    before = jobs.connect(lambda *job: asked.append(job))
    row = ask(flex)
    end(flex, row)
    jobs.connect(before)
    wanted = starting.Start("sms", NUMBER, name=MARK, attributes=FORM)

    assert DispatchAttempt.objects.filter(outcome="accepted").exists()
    for text in (caplog.text, repr(asked), repr(wanted), repr(row), str(DispatchAttempt.objects.values())):
        assert MARK not in text
        assert NUMBER not in text


def test_an_error_of_the_database_does_not_show_it(flex: Flex, account: Account) -> None:
    row = starting.build(starting.Start("sms", NUMBER, name=MARK, attributes=FORM), "key")
    row.status = "unheard of"
    with pytest.raises(IntegrityError) as error:
        row.save(force_insert=True)

    assert MARK not in str(error.value)
    assert error.value.__cause__ is None


@pytest.mark.parametrize("is_debug", [False, True])
def test_no_error_page_shows_it(
    is_debug: bool, flex: Flex, account: Account, user: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_given: Any) -> None:
        raise RuntimeError("The disk is full")

    settings.DEBUG = is_debug
    monkeypatch.setattr(starting, "start", fail)
    user.user_permissions.add(Permission.objects.get(codename="start_interaction"))
    client = Client(raise_request_exception=False)
    client.force_login(user)
    posted = {"channel": "sms", "address": NUMBER, "attributes": FORM}
    answer = client.post("/flex/api/requests/", posted, content_type="application/json")

    assert answer.status_code == 500
    assert MARK not in answer.content.decode()
