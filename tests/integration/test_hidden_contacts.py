"""``view_interaction`` shows the interactions of others with contacts that the adapter shows, and no more.

Everywhere, and in a constant number of queries. One's own stay, and so do those whose contact nobody hides.
"""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from crm_demo.models import Contact
from flex_outbound import contacts, timeline
from flex_outbound.channels import Channel
from flex_outbound.contacts import ContactAdapter
from flex_outbound.models import Account, Interaction, Sender
from flex_outbound.outbox.visible import shown_to

pytestmark = pytest.mark.django_db

LIST, ADMIN = "/flex/api/interactions/", "/admin/flex_outbound/interaction/"
Make = Callable[..., Interaction]


@pytest.fixture
def make(account: Account, senders: dict[Channel, Sender], agent: User) -> Make:
    """Return a failed interaction of the agent with a contact."""

    def make(contact: Any, **changes: Any) -> Interaction:
        values = {
            "contact_type": ContentType.objects.get_for_model(contact),
            "contact_id": str(contact.pk),
            "contact_name": getattr(contact, "full_name", str(contact)),
            "channel": "sms",
            "address": "+14155550123",
            "account": account,
            "sender": senders[Channel.SMS],
            "agent": agent,
            "idempotency_key": uuid.uuid4().hex,
            "status": "failed",
            "error_reason": "refused",
            "next_at": None,
            "finished_at": "2026-01-01T00:00:00Z",
        }
        return Interaction.objects.create(**values | changes)

    return make


@pytest.fixture
def hidden(contact: Contact) -> Contact:
    """A contact that only staff may see."""
    Contact.objects.filter(pk=contact.pk).update(restricted=True, full_name="Hidden Person")
    return Contact.objects.get(pk=contact.pk)


def signed_in(name: str, *permissions: str, **more: Any) -> Client:
    user = User.objects.create_user(name, **more)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    client.user = user  # type: ignore[attr-defined]
    return client


@pytest.fixture
def watcher(db: None) -> Client:
    """Sees everybody's, but not the contacts for staff."""
    return signed_in("lea", "view_interaction", "change_interaction", "add_interaction")


def ids(client: Client, **query: Any) -> set[str]:
    return {one["id"] for one in client.get(LIST, query).json()["results"]}


def test_the_api_shows_only_what_the_adapter_shows(watcher: Client, hidden: Contact, make: Make) -> None:
    seen = Contact.objects.create(full_name="Seen", mobile="+14155550124")
    theirs, shown = make(hidden), make(seen)

    assert ids(watcher) == {str(shown.pk)}
    assert ids(watcher, contact_type="crm_demo.contact", contact_id=hidden.pk) == set()
    assert watcher.get(f"{LIST}{shown.pk}/").status_code == 200
    for answer in (
        watcher.get(f"{LIST}{theirs.pk}/"),
        watcher.get(f"{LIST}{theirs.pk}/", headers={"If-None-Match": "*"}),
        *(watcher.post(f"{LIST}{theirs.pk}/{verb}/") for verb in ("retry", "confirm", "cancel")),
        *(watcher.post(f"/flex/interactions/{theirs.pk}/{verb}/") for verb in ("retry", "confirm", "cancel")),
    ):
        assert answer.status_code == 404


def test_ones_own_stay(hidden: Contact, make: Make, agent: User) -> None:
    client = Client()
    client.force_login(agent)
    row = make(hidden)

    assert ids(client) == {str(row.pk)}
    assert client.get(f"{LIST}{row.pk}/").status_code == 200


def test_staff_and_superusers_see_them(hidden: Contact, make: Make) -> None:
    row = make(hidden)

    assert ids(signed_in("staff", "view_interaction", is_staff=True)) == {str(row.pk)}
    assert ids(signed_in("root", is_superuser=True)) == {str(row.pk)}


def test_what_has_no_contact_or_no_adapter_is_hidden_by_nobody(
    watcher: Client, hidden: Contact, make: Make, senders: dict[Channel, Sender]
) -> None:
    gone, odd, test = make(hidden, contact_id="999999"), make(hidden, contact_id="no key"), make(senders[Channel.SMS])

    assert ids(watcher) == {str(row.pk) for row in (gone, odd, test)}


def test_the_timeline_shows_only_what_the_adapter_shows(watcher: Client, hidden: Contact, make: Make) -> None:
    make(hidden)
    request = RequestFactory().get("/")
    request.user = watcher.user  # type: ignore[attr-defined]

    assert timeline.timeline_context(request, hidden)["interactions"] == []


@pytest.fixture
def narrowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The adapter hides restricted contacts from staff, too."""
    adapter = contacts.adapter_for(Contact)
    monkeypatch.setattr(
        type(adapter), "get_queryset", lambda self, user: Contact.objects.filter(restricted=False), raising=True
    )


def test_the_admin_shows_only_what_the_adapter_shows(hidden: Contact, make: Make, narrowed: None) -> None:
    client = signed_in("viewer", "view_interaction", "change_interaction", is_staff=True)
    theirs, own = make(hidden), make(hidden, agent=client.user, contact_name="Own")  # type: ignore[attr-defined]

    page = client.get(ADMIN).content.decode()
    assert "Hidden Person" not in page
    assert "Own" in page
    file = client.get(f"{ADMIN}export/").getvalue().decode()  # type: ignore[attr-defined]
    assert "Hidden Person" not in file
    assert str(own.pk) in file
    assert client.get(f"{ADMIN}{theirs.pk}/change/").status_code == 302
    assert client.get(f"{ADMIN}{theirs.pk}/decide/retry/").status_code == 404
    assert client.get(f"{ADMIN}{own.pk}/change/").status_code == 200


@pytest.mark.parametrize("url", [LIST, ADMIN])
def test_the_number_of_queries_does_not_grow(make: Make, narrowed: None, url: str) -> None:
    client = signed_in("viewer", "view_interaction", is_staff=True)

    def cost() -> int:
        client.get(url)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(url).status_code == 200
        return len(captured)

    for number in range(2):
        make(Contact.objects.create(full_name=f"C{number}", restricted=bool(number)))
    few = cost()
    for number in range(20):
        make(Contact.objects.create(full_name=f"C{number}", restricted=bool(number % 2)))
    assert cost() == few


class ByName(ContactAdapter):
    """Shows the groups whose name begins with a V, and all users."""

    def get_queryset(self, user: Any) -> Any:
        """Return the visible ones."""
        found = super().get_queryset(user)
        return found.filter(name__startswith="V") if self.model is Group else found


@pytest.fixture
def kinds(db: None) -> Iterator[None]:
    """Contacts of other kinds: one with an adapter that narrows, one with Django's plain queryset."""
    contacts.register(Group)(ByName)
    contacts.register(User)(ContactAdapter)
    yield
    contacts.unregister(Group, User)


def test_each_kind_of_contact_is_asked_for_once(watcher: Client, make: Make, kinds: None, agent: User) -> None:
    visible = [make(Group.objects.create(name=f"V{number}")) for number in range(5)]
    hidden = [make(Group.objects.create(name=f"H{number}")) for number in range(5)]
    users = [make(agent) for _number in range(3)]
    user = watcher.user  # type: ignore[attr-defined]

    shown_to(user, [*visible, *hidden])
    with CaptureQueriesContext(connection) as captured:
        assert shown_to(user, [*visible, *hidden, *users]) == [*visible, *users]
    assert len(captured) == 2
    with CaptureQueriesContext(connection) as captured:
        assert shown_to(agent, [*visible, *hidden, *users]) == [*visible, *hidden, *users]
    assert len(captured) == 0
