"""Who may use a sender: everybody, or the members of its groups; the same on every path to it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Group, User
from django.db.models import ProtectedError
from pytest_django import DjangoAssertNumQueries

from crm_demo.models import Contact
from flex_outbound.exceptions import InvalidClick
from flex_outbound.models import Account, Interaction, Sender, SenderGroup, Worker
from flex_outbound.outbox import decisions
from flex_outbound.outbox.preflight import channel_options
from tests.integration.pages import rows

pytestmark = pytest.mark.django_db

MakeClick = Callable[..., Interaction]


@pytest.fixture
def clinic(db: None) -> Group:
    """A group."""
    return Group.objects.create(name="Clinic")


@pytest.fixture
def sms(senders: list[Sender]) -> list[Sender]:
    """The senders for text messages, the default first."""
    return sorted((one for one in senders if one.channel == "sms"), key=lambda one: not one.is_default)


def usable(user: Any) -> list[int]:
    return [one.pk for one in Sender.objects.usable_by(user) if one.channel == "sms"]


def fresh(user: User) -> User:
    return User.objects.get(pk=user.pk)


def test_without_groups_a_sender_is_everybodys(agent: User, sms: list[Sender]) -> None:
    assert usable(agent) == [one.pk for one in sms]


def test_with_groups_it_is_their_members(agent: User, sms: list[Sender], clinic: Group) -> None:
    sms[0].groups.add(clinic)
    assert usable(agent) == [sms[1].pk]
    agent.groups.add(clinic)
    assert usable(fresh(agent)) == [one.pk for one in sms]


def test_a_member_of_two_of_its_groups_has_it_once(agent: User, sms: list[Sender], clinic: Group) -> None:
    other = Group.objects.create(name="Other")
    sms[0].groups.set([clinic, other])
    agent.groups.set([clinic, other])
    assert usable(agent) == [one.pk for one in sms]


def test_a_superuser_who_is_a_worker_may_use_every_sender(agent: User, sms: list[Sender], clinic: Group) -> None:
    sms[0].groups.add(clinic)
    User.objects.filter(pk=agent.pk).update(is_superuser=True)
    assert usable(fresh(agent)) == [one.pk for one in sms]


def test_a_superuser_without_a_worker_still_has_none(sms: list[Sender]) -> None:
    assert usable(User.objects.create_superuser("root")) == []


def test_a_worker_of_two_accounts_has_the_senders_of_both_by_the_same_rule(
    agent: User, sms: list[Sender], clinic: Group
) -> None:
    second = Account.objects.create(name="Second", account_sid="AC" + "2" * 32, workspace_sid="WS" + "2" * 32)
    Worker.objects.create(account=second, user=agent, worker_sid="WK" + "2" * 32)
    mine, theirs = (
        Sender.objects.create(account=second, channel="sms", address=f"+1415555019{n}", queue_sid="WQ" + "2" * 32)
        for n in (1, 2)
    )
    theirs.groups.add(clinic)
    assert set(usable(agent)) == {sms[0].pk, sms[1].pk, mine.pk}
    assert {one.own_worker_sid for one in Sender.objects.usable_by(agent) if one.pk == mine.pk} == {"WK" + "2" * 32}  # type: ignore[attr-defined]


def test_a_user_model_without_groups_is_in_none(agent: User, sms: list[Sender], clinic: Group) -> None:
    sms[0].groups.add(clinic)
    assert set(Sender.objects.open_to(AnonymousUser())) == set(Sender.objects.exclude(pk=sms[0].pk))
    assert set(Sender.objects.open_to(object())) == set(Sender.objects.exclude(pk=sms[0].pk))


def test_the_senders_of_a_user_are_one_query(
    agent: User, sms: list[Sender], clinic: Group, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    sms[0].groups.add(clinic)
    agent.groups.add(clinic)
    user = fresh(agent)
    with django_assert_num_queries(1):
        assert len(usable(user)) == 2


def test_a_group_is_not_deleted_from_under_a_sender(sms: list[Sender], clinic: Group) -> None:
    sms[0].groups.add(clinic)
    with pytest.raises(ProtectedError):
        clinic.delete()
    assert SenderGroup.objects.filter(sender=sms[0]).exists()


def test_who_may_not_use_it_is_not_shown_it(agent: User, contact: Contact, sms: list[Sender], clinic: Group) -> None:
    sms[0].groups.add(clinic)
    options = {option.channel: option for option in channel_options(agent, contact)}
    assert [one.pk for one in options["sms"].senders] == [sms[1].pk]  # type: ignore[index]


def test_a_channel_whose_only_senders_are_others_is_off_and_says_so(
    agent: User, contact: Contact, sms: list[Sender], clinic: Group
) -> None:
    for one in sms:
        one.groups.add(clinic)
    option = channel_options(agent, contact)[0]
    assert (option.enabled, option.reason) == (False, "no_sender")
    assert "that you may use" in option.reason_text


@pytest.mark.parametrize("both", [False, True])
def test_a_click_with_it_is_refused_by_its_field(
    click: MakeClick, sms: list[Sender], clinic: Group, both: bool
) -> None:
    for one in sms if both else sms[:1]:
        one.groups.add(clinic)
    with pytest.raises(InvalidClick) as refused:
        click(sender=sms[0].pk)
    assert (refused.value.field, refused.value.code) == ("sender", "unknown_sender")
    assert "Choose another one" in str(refused.value)
    assert not Interaction.objects.exists()


def test_a_click_without_one_takes_the_next(click: MakeClick, sms: list[Sender], clinic: Group) -> None:
    sms[0].groups.add(clinic)
    assert click().sender == sms[1]


def test_what_was_taken_before_stays_taken(click: MakeClick, sms: list[Sender], clinic: Group) -> None:
    row = click(sender=sms[0].pk, idempotency_key="k")
    sms[0].groups.add(clinic)
    assert click(sender=sms[0].pk, idempotency_key="k") == row


def test_a_failed_row_is_not_sent_again_with_it(
    agent: User, click: MakeClick, sms: list[Sender], clinic: Group
) -> None:
    row = click(sender=sms[0].pk)
    rows.fail(row, "No.")
    sms[0].groups.add(clinic)
    with pytest.raises(InvalidClick) as refused:
        decisions.retry(Interaction.objects.get(), agent)
    assert refused.value.field == "sender"
    assert Interaction.objects.count() == 1


def test_a_row_in_review_is_sent_again_by_who_may_use_it_or_decides_for_others(
    agent: User, click: MakeClick, sms: list[Sender], clinic: Group
) -> None:
    row = click(sender=sms[0].pk)
    rows.ask_for_decision(row, "Nobody knows.")
    sms[0].groups.add(clinic)
    with pytest.raises(InvalidClick) as refused:
        decisions.retry(Interaction.objects.get(), fresh(agent))
    assert refused.value.field == "sender"
    assert Interaction.objects.get().status == "review"
    assert decisions.retry(Interaction.objects.get(), User.objects.create_user("manager")).status == "queued"
