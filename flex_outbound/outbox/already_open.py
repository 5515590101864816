"""What an agent is told about the open conversation that stands in the way of a click."""

from django.utils.translation import gettext as _

from flex_outbound.contacts import adapter_by_type, find_contact
from flex_outbound.models import Interaction
from flex_outbound.outbox import texts
from flex_outbound.statuses import Status


def is_same_contact(one: Interaction, other: Interaction) -> bool:
    """Return whether two interactions are with the same contact."""
    return (one.contact_type_id, one.contact_id) == (other.contact_type_id, other.contact_id)


def words(other: Interaction, click: Interaction) -> str:
    """Return with whom the conversation ``other`` is, and what the agent of ``click`` can do about it.

    A number may belong to several contacts, and Twilio has one open conversation for it. A contact that the agent may
    not see is not named.
    """
    if other.status == Status.WAITING and other.agent_id == click.agent_id and is_same_contact(other, click):
        return _("You wrote to this customer and wait for an answer. Open it now, or end the wait.")
    if other.is_untaken:
        return _("This customer is waiting for an agent already. Take the task in Flex.")
    if not is_same_contact(other, click):
        return _with_another_contact(other, click)
    if other.agent_id == click.agent_id:
        return _("You already have a conversation with this customer. Continue in Flex, or close it first.")
    return _("This customer is already in a conversation with %(agent)s.") % {"agent": _agent(other)}


def _with_another_contact(other: Interaction, click: Interaction) -> str:
    if other.agent_id == click.agent_id:
        text = _(
            "You already have a conversation with this number and sender, for %(contact)s. "
            "Continue in Flex, close it first, or choose another sender."
        )
    else:
        text = _(
            "This number is already in a conversation with %(agent)s from this sender, for %(contact)s. "
            "Ask them to continue there or to close it, or choose another sender."
        )
    return text % {"agent": _agent(other), "contact": _contact(other, click)}


def _agent(interaction: Interaction) -> str:
    return texts.name_of(interaction.agent) or _("somebody else")


def _contact(other: Interaction, click: Interaction) -> str:
    adapter = adapter_by_type(other.contact_type_id)
    if adapter is None or find_contact(adapter, click.agent, other.contact_id) is None:
        return _("another contact")
    return _("the contact %(name)s") % {"name": other.contact_name or other.contact_id}
