"""Two agents on one conversation, in two browsers: invited, both in it, and one of them leaves."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from crm_demo.models import Contact
from flex_outbound.models import Account, Interaction
from flex_outbound.statuses import Status
from tests.browser.conftest import NewPage
from tests.browser.test_open_conversations import contact as contact
from tests.browser.test_open_conversations import looked, page_of, panel, talk  # noqa: F401
from tests.integration.pipeline.conftest import Sandbox, make_agent, run_due, sandbox, sandbox_server  # noqa: F401

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.usefixtures("senders", "worker"),
]


def test_a_colleague_is_invited_and_takes_it_over_when_the_first_leaves(
    new_page: NewPage,
    page_of: Callable[[User], Page],  # noqa: F811
    agent: User,
    account: Account,
    contact: Contact,
    sandbox: Sandbox,  # noqa: F811
    shoot: Callable[[Page, str], None],
) -> None:
    bea = make_agent(account, "bea")
    begun = talk(agent, contact, sandbox)
    his, hers = new_page(), page_of(bea)
    his.goto(contact.get_absolute_url())
    hers.goto(contact.get_absolute_url())
    expect(panel(hers).get_by_test_id("flex-open-invite")).to_have_count(0)

    panel(his).get_by_test_id("flex-open-invite").click()
    expect(his.get_by_role("heading", name="Invite somebody")).to_be_visible()
    his.get_by_label("Whom").select_option(label="Bea")
    shoot(his, "invite")
    his.get_by_test_id("flex-invite-send").dblclick()
    expect(his.get_by_text("Invited, has not accepted yet: Bea")).to_be_visible()
    run_due()
    expect(panel(hers)).to_contain_text("Flex invites you to the conversation", timeout=40_000)
    row = Interaction.objects.get(continues=begun)
    sandbox.act(row.task_sid or "", "accept")
    looked()

    his.reload()
    expect(panel(his)).to_contain_text("In it: Bea")
    shoot(his, "two-agents")
    panel(his).get_by_test_id("flex-open-leave").click()
    expect(his.get_by_text("Leave all the same")).to_have_count(0)
    his.get_by_test_id("flex-leave-now").click()
    expect(panel(his)).to_contain_text("In it, and leaving: you")
    run_due()
    looked()
    hers.reload()
    expect(panel(hers)).to_contain_text("In conversation with you since")
    panel(hers).get_by_test_id("flex-open-leave").click()
    expect(hers.get_by_role("alert")).to_contain_text("Nobody else is in this conversation.")
    shoot(hers, "leave-alone")
    begun.refresh_from_db()
    row.refresh_from_db()
    assert (begun.status, row.status) == (Status.CLOSED, Status.ACTIVE)
