"""An account that has credentials and no workspace yet: said to agents, and nothing is sent."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from crm_demo.models import Contact
from flex_outbound.exceptions import ClickNotAllowed, ConfigurationError
from flex_outbound.models import Account, Sender
from flex_outbound.outbox import sweep
from flex_outbound.outbox.enqueue import Click, enqueue
from flex_outbound.outbox.gateways import connection_to, gateway_for
from flex_outbound.outbox.preflight import channel_options
from flex_outbound.sandbox import defaults
from flex_outbound.statuses import Status
from tests.integration.pipeline.conftest import make_agent
from tests.integration.setup.conftest import Sandbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent(bare: Account) -> User:
    """Ready in everything but the workspace."""
    Sender.objects.create(
        account=bare,
        channel="sms",
        address=defaults.SMS_SENDER,
        display_name="Desk",
        queue_sid=defaults.QUEUES["Outbound"],
    )
    return make_agent(bare, "agent")


@pytest.fixture
def contact(db: None) -> Contact:
    """Somebody with a mobile."""
    return Contact.objects.create(full_name="Ann Other", mobile="415 555 0123", country="US")


def test_the_button_says_that_it_is_not_set_up_yet(agent: User, contact: Contact) -> None:
    option = channel_options(agent, contact)[0]
    assert (option.enabled, option.reason) == (False, "no_workspace")
    assert "choose the Flex workspace" in option.reason_text
    with pytest.raises(ClickNotAllowed) as caught:
        enqueue(Click(agent, "crm_demo.contact", str(contact.pk), "sms"))
    assert caught.value.code == "no_workspace"


def test_a_second_account_that_is_set_up_is_used(agent: User, contact: Contact) -> None:
    other = Account.objects.create(
        name="Other", account_sid=defaults.ACCOUNT2_SID, auth_token="x", workspace_sid=defaults.ACCOUNT2_WORKSPACE_SID
    )
    sender = Sender.objects.create(
        account=other,
        channel="sms",
        address="+15005550009",
        display_name="Other",
        queue_sid=defaults.ACCOUNT2_QUEUES["Everyone"],
    )
    other.workers.create(user=agent, worker_sid=defaults.ACCOUNT2_WORKERS["erin"])
    assert channel_options(agent, contact)[0].senders == [sender]


def test_what_was_clicked_before_the_workspace_was_unset_fails_with_the_reason(
    agent: User, contact: Contact, bare: Account, sandbox: Sandbox, sandbox_server: Any
) -> None:
    Account.objects.update(workspace_sid=defaults.WORKSPACE_SID)
    row = enqueue(Click(agent, "crm_demo.contact", str(contact.pk), "sms"))
    Account.objects.update(workspace_sid="")

    sweep.sweep(sweep.run)

    row.refresh_from_db()
    assert (row.status, row.error_reason) == (Status.FAILED, "not_set_up")
    assert not sandbox_server.state.requests
    bare.refresh_from_db()
    assert "workspace" in bare.problem_text


def test_a_gateway_wants_a_workspace_and_a_directory_does_not(bare: Account) -> None:
    with pytest.raises(ConfigurationError, match="not chosen yet"):
        gateway_for(bare)
    assert connection_to(bare).workspace_sid == ""
