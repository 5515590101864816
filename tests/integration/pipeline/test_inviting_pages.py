"""Inviting, handing over and leaving by API and plain pages: who is in it is shown, and refusals have words."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.utils.timezone import now

from crm_demo.models import Contact
from flex_outbound.api.inviting_shapes import ColleaguesShape
from flex_outbound.api.open_shapes import OpenConversationShape, PersonShape
from flex_outbound.models import Account, Interaction, Presence, SenderGroup, Worker
from flex_outbound.statuses import Status
from tests.integration.api.test_schema import assert_same

from .conftest import Sandbox, make_agent, run_due
from .pages import live, signed_in
from .test_inviting import accept, decline, look
from .test_joining import begun as begun

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("indexed")]
Clicker = Callable[..., Interaction]


@pytest.fixture
def carlos(account: Account, agent: User) -> User:
    """A third agent."""
    return make_agent(account, "carlos")


def api(row: Interaction, name: str) -> str:
    return f"/flex/api/conversations/{row.conversation_sid}/{name}/"


def page(row: Interaction, name: str) -> str:
    return f"/flex/conversations/{row.conversation_sid}/{name}/"


def post(user: User, url: str, **data: Any) -> Any:
    return signed_in(user).post(url, data, content_type="application/json")


def people(shown: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["name"], one["state"]) for one in shown["people"]]


# -- the API -----------------------------------------------------------------------------------------------------------


def test_a_colleague_is_invited_shown_and_in_it(
    begun: Interaction, agent: User, colleague: User, carlos: User, contact: Contact, sandbox: Sandbox
) -> None:
    shown = live(agent, contact)["open_conversation"]
    assert (people(shown), shown["leaves_nobody"]) == ([("Agent", "in")], True)
    assert shown["choices"][-2:] == ["invite", "leave"]
    known = signed_in(agent).get(shown["invite_url"]).json()
    assert_same(ColleaguesShape(), known)
    assert [one["name"] for one in known["colleagues"]] == ["Bea", "Carlos"]
    answers = [post(agent, shown["invite_url"], agent=colleague.pk, idempotency_key="once") for _press in range(2)]
    assert [one.status_code for one in answers] == [202, 202]
    assert len({one.json()["id"] for one in answers}) == 1
    shown = live(agent, contact)["open_conversation"]
    assert people(shown) == [("Agent", "in"), ("Bea", "invited")]
    assert "invite" not in shown["choices"]
    accept(Interaction.objects.get(continues=begun), sandbox)
    shown = live(agent, contact)["open_conversation"]
    assert set(OpenConversationShape().fields) == set(shown)
    assert_same(PersonShape(many=True), shown["people"])
    assert (shown["whose"], people(shown)) == ("mine", [("Agent", "in"), ("Bea", "in")])
    assert (shown["leaves_nobody"], shown["choices"][-2:]) == (False, ["invite", "leave"])
    hers = live(colleague, contact)["open_conversation"]
    assert (hers["whose"], hers["choices"]) == ("colleague", ["open", "invite", "leave"])
    assert str(Interaction.objects.get(continues=begun).task_sid) in hers["flex_url"]


def test_it_is_handed_over_to_whom_flex_chooses(
    begun: Interaction, agent: User, colleague: User, contact: Contact, sandbox: Sandbox
) -> None:
    assert post(agent, api(begun, "invite"), agent=None, hand_over=True).status_code == 202
    assert people(live(agent, contact)["open_conversation"]) == [("Agent", "in"), ("", "invited")]
    row = accept(Interaction.objects.get(continues=begun), sandbox)
    run_due(1)
    look(begun, row)
    assert row.agent is not None
    shown = live(row.agent, contact)["open_conversation"]
    assert (shown["whose"], [one["is_you"] for one in shown["people"]]) == ("mine", [True])


def test_who_declined_is_named_until_they_come(
    begun: Interaction, agent: User, colleague: User, contact: Contact, sandbox: Sandbox
) -> None:
    post(agent, api(begun, "invite"), agent=str(colleague.pk))
    decline(Interaction.objects.get(continues=begun), sandbox)
    shown = live(agent, contact)["open_conversation"]
    [(first, _in), (name, state)] = people(shown)
    assert (first, name, state in ("declined", "missed")) == ("Agent", "Bea", True)
    assert "invite" in shown["choices"]
    Interaction.objects.filter(continues=begun).update(error_reason="agent_rejected")
    assert people(live(agent, contact)["open_conversation"])[1] == ("Bea", "declined")
    post(agent, api(begun, "invite"), agent=str(colleague.pk))
    assert people(live(agent, contact)["open_conversation"])[1:] == [("Bea", "invited")]


def test_one_leaves_when_it_is_confirmed(begun: Interaction, agent: User, contact: Contact) -> None:
    refused = post(agent, api(begun, "leave"))
    assert (refused.status_code, refused.json()["code"]) == (409, "leaves_nobody")
    assert "Nobody else is in this conversation" in refused.json()["detail"]
    answer = post(agent, api(begun, "leave"), confirmed=True)
    assert (answer.status_code, answer.json()["people"][0]["is_leaving"]) == (202, True)
    assert "leave" not in answer.json()["choices"]
    run_due()
    look(begun)
    shown = live(agent, contact)["open_conversation"]
    assert (shown["whose"], shown["choices"], shown["people"]) == ("nobody", ["take_up", "close"], [])


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"agent": []}, 400),
        ({"agent": {}}, 400),
        ({"agent": "x" * 300}, 400),
        ({"agent": 10**30}, 400),
        ({"agent": True}, 400),
        ({"hand_over": "perhaps"}, 400),
        ({"idempotency_key": "x" * 65}, 400),
        ({"agent": "9999"}, 400),
    ],
)
def test_what_is_wrong_is_named(given: dict[str, Any], status: int, begun: Interaction, agent: User) -> None:
    answer = post(agent, api(begun, "invite"), **given)
    assert (answer.status_code, list(answer.json())) == (status, list(given))


def test_who_may_not_may_not(begun: Interaction, agent: User, colleague: User, carlos: User) -> None:
    assert post(carlos, api(begun, "invite"), agent=str(colleague.pk)).json()["code"] == "not_own"
    assert post(carlos, api(begun, "leave")).json()["code"] == "not_in_it"
    eve = User.objects.create_user("eve")
    for name in ("invite", "leave"):
        assert post(eve, api(begun, name)).status_code == 403
        assert Client().post(page(begun, name)).status_code == 302
        assert signed_in(eve).post(page(begun, name)).status_code in (403, 404)
        assert signed_in(agent).get(f"/flex/conversations/CH{'0' * 32}/{name}/").status_code == 404
    assert signed_in(eve).get(api(begun, "invite")).status_code == 403
    assert not Interaction.objects.exclude(pk=begun.pk).exists()


def test_it_counts_as_a_click(begun: Interaction, agent: User) -> None:
    cache.clear()
    codes = [post(agent, api(begun, "leave")).status_code for _press in range(80)]
    cache.clear()
    assert codes[-1] == 429


def test_only_who_may_use_the_sender_is_shown_with_who_is_there_first(
    begun: Interaction, agent: User, colleague: User, carlos: User, account: Account
) -> None:
    there = {"seen_at": now(), "asked_at": now()}
    Presence.objects.create(worker=Worker.objects.get(user=carlos), is_available=True, **there)
    Presence.objects.create(worker=Worker.objects.get(user=colleague), is_available=False, **there)
    known = signed_in(agent).get(api(begun, "invite")).json()["colleagues"]
    assert [(one["name"], one["presence"]) for one in known] == [("Carlos", "available"), ("Bea", "offline")]
    group = carlos.groups.create(name="Sales")
    agent.groups.add(group)
    assert begun.sender is not None
    SenderGroup.objects.create(sender=begun.sender, group=group)
    assert [one["name"] for one in signed_in(agent).get(api(begun, "invite")).json()["colleagues"]] == ["Carlos"]


# -- plain pages -------------------------------------------------------------------------------------------------------


def test_without_a_script_a_colleague_is_invited_and_one_leaves(
    begun: Interaction, agent: User, colleague: User, contact: Contact, sandbox: Sandbox
) -> None:
    client = signed_in(agent)
    at_contact = client.get(contact.get_absolute_url()).text
    assert page(begun, "invite") in at_contact
    assert page(begun, "leave") in at_contact
    form = client.get(page(begun, "invite"), headers={"Referer": f"http://testserver{contact.get_absolute_url()}"})
    assert "Whoever Flex chooses" in form.text
    assert f'<option value="{colleague.pk}"' in form.text
    [key] = re.findall(r'name="idempotency_key" value="([^"]+)"', form.text)
    data = {"agent": str(colleague.pk), "idempotency_key": key, "next": contact.get_absolute_url()}
    for _press in range(2):
        answer = client.post(page(begun, "invite"), data, follow=True)
        assert answer.redirect_chain == [(contact.get_absolute_url(), 302)]
        assert "Bea is invited. You stay in the conversation." in answer.text
    assert "Invited, has not accepted yet: Bea" in answer.text
    accept(Interaction.objects.get(continues=begun), sandbox)
    shown = client.get(contact.get_absolute_url()).text
    assert "In it: Bea" in shown
    assert "In it: you" in shown
    asked = client.get(page(begun, "leave")).text
    assert "Leave all the same" not in asked
    assert client.post(page(begun, "leave"), {"next": contact.get_absolute_url()}).status_code == 302
    run_due()
    look(begun)
    assert begun.status == Status.CLOSED


def test_without_a_script_a_refusal_is_shown_with_what_was_chosen(
    begun: Interaction, agent: User, colleague: User, contact: Contact
) -> None:
    client = signed_in(agent)
    Presence.objects.create(
        worker=Worker.objects.get(user=colleague), is_available=False, seen_at=now(), asked_at=now()
    )
    answer = client.post(page(begun, "invite"), {"agent": str(colleague.pk), "hand_over": "1"})
    assert (answer.status_code, "Bea is offline in Flex." in answer.text) == (409, True)
    assert re.search(rf'value="{colleague.pk}"\s+selected', answer.text)
    assert re.search(r'name="hand_over"[^>]*checked', answer.text)
    answer = client.post(page(begun, "leave"))
    assert (answer.status_code, "Leave all the same" in answer.text) == (409, True)
    assert "nobody in Flex gets the customer" in answer.text
    answer = client.post(page(begun, "leave"), {"confirmed": "1"})
    assert answer.status_code == 302


def test_the_pages_are_refreshed_by_the_script(
    begun: Interaction, agent: User, colleague: User, contact: Contact
) -> None:
    client = signed_in(agent)
    url = f"/flex/open/crm_demo.contact/?id={contact.pk}"
    before = client.get(url)
    post(agent, api(begun, "invite"), agent=str(colleague.pk))
    after = client.get(url, headers={"If-None-Match": before["ETag"]})
    assert (after.status_code, "Invited, has not accepted yet: Bea" in after.text) == (200, True)


def test_who_is_not_in_it_is_told_so_instead_of_asked(begun: Interaction, carlos: User) -> None:
    html = signed_in(carlos).get(page(begun, "leave")).content.decode()
    assert "You are not in this conversation any more." in html
    assert "flex-leave-now" not in html
