"""The shapes of what the API answers, for its description only; a test compares them with real answers."""

from typing import Any

from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from flex_outbound.api.open_shapes import OpenConversationShape
from flex_outbound.api.serializers import ChannelField, choices_schema
from flex_outbound.channels import Channel, InitiatedBy
from flex_outbound.models.disposition import Written
from flex_outbound.outbox import readiness, window
from flex_outbound.phases import Phase
from flex_outbound.statuses import MessageStatus, Status
from flex_outbound.twilio_statuses import ChannelStatus, ConversationState, DeliveryStatus, TaskStatus

Base = serializers.Serializer[Any]


@extend_schema_field(choices_schema(Status), component_name="FlexOutboundStatus")
class StatusField(serializers.CharField):
    """The status of an interaction."""


@extend_schema_field(choices_schema(MessageStatus), component_name="FlexOutboundMessageStatus")
class MessageStatusField(serializers.CharField):
    """The status of a first message."""


@extend_schema_field(choices_schema(TaskStatus), component_name="FlexOutboundTaskStatus")
class TaskStatusField(serializers.CharField):
    """TaskRouter's status."""


@extend_schema_field(choices_schema(ChannelStatus), component_name="FlexOutboundChannelStatus")
class ChannelStatusField(serializers.CharField):
    """The interaction channel's status."""


@extend_schema_field(choices_schema(ConversationState), component_name="FlexOutboundConversationState")
class ConversationStateField(serializers.CharField):
    """The conversation's state, where Twilio told it."""


@extend_schema_field(choices_schema(DeliveryStatus), component_name="FlexOutboundDeliveryStatus")
class DeliveryStatusField(serializers.CharField):
    """The status of a delivery receipt."""


@extend_schema_field(choices_schema(Written), component_name="FlexOutboundWritten")
class WrittenField(serializers.CharField):
    """Whether a change of a task is written."""


@extend_schema_field(choices_schema(Phase), component_name="FlexOutboundPhase")
class PhaseField(serializers.CharField):
    """What a page says of an interaction."""


@extend_schema_field(choices_schema(InitiatedBy), component_name="FlexOutboundInitiatedBy")
class InitiatedByField(serializers.CharField):
    """Who began an interaction."""


@extend_schema_field({"oneOf": [{"type": "integer"}, {"type": "string"}]})
class AnyKey(serializers.CharField):
    """The primary key of any user model."""


@extend_schema_serializer(component_name="FlexOutboundAgent")
class AgentShape(Base):
    """The agent who clicked."""

    id = AnyKey()
    name = serializers.CharField()


@extend_schema_serializer(component_name="FlexOutboundMessage")
class MessageShape(Base):
    """The first message, without its text."""

    status = MessageStatusField()
    status_label = serializers.CharField()
    error_message = serializers.CharField()
    message_sid = serializers.CharField(allow_null=True)


@extend_schema_serializer(component_name="FlexOutboundAnswered")
class AnswerShape(Base):
    """What an agent wrote into a conversation, without text and file. ``message_sid`` is null until it was sent."""

    id = serializers.IntegerField()
    message_sid = serializers.CharField(allow_null=True)
    conversation_sid = serializers.CharField(allow_null=True)
    status = MessageStatusField()
    status_label = serializers.CharField(help_text="The delivery once that is known, in the agent's language.")
    is_final = serializers.BooleanField(help_text="True: it was sent, or failed; only its delivery may change.")
    delivery_status = DeliveryStatusField(allow_null=True, help_text="Twilio's.")
    error_code = serializers.IntegerField(allow_null=True, help_text="Twilio's.")
    error_reason = serializers.CharField(help_text="Stable, for programs.")
    error_message = serializers.CharField(help_text="For the agent.")
    status_url = serializers.CharField()


@extend_schema_serializer(component_name="FlexOutboundInteraction")
class InteractionShape(Base):
    """A request to open one channel to one contact. SIDs are null until Twilio has assigned them."""

    id = serializers.UUIDField()
    status = StatusField()
    status_label = serializers.CharField(help_text="The phase in the agent's language.")
    phase = PhaseField(help_text="The status, and what Twilio says of task, channel and first message.")
    is_final = serializers.BooleanField(help_text="True: it will not change any more; stop polling.")
    channel = ChannelField(Channel.choices)
    initiated_by = InitiatedByField(help_text="Who began it; api is a form or a program.")
    initiated_by_label = serializers.CharField(help_text="In words; empty where an agent began it.")
    contact_type = serializers.CharField(help_text="Empty where the contact is not known, as is contact_id.")
    contact_id = serializers.CharField()
    contact_name = serializers.CharField()
    address = serializers.CharField()
    sender = serializers.IntegerField(allow_null=True)
    sender_address = serializers.CharField()
    subject = serializers.CharField()
    interaction_sid = serializers.CharField(allow_null=True)
    channel_sid = serializers.CharField(allow_null=True)
    task_sid = serializers.CharField(allow_null=True)
    conversation_sid = serializers.CharField(allow_null=True)
    invite_sid = serializers.CharField(allow_null=True)
    task_status = TaskStatusField(allow_null=True)
    channel_status = ChannelStatusField(allow_null=True)
    conversation_state = ConversationStateField(allow_null=True)
    named_task_sid = serializers.CharField(
        allow_null=True, help_text="The task that a person linked, while Twilio is asked about it."
    )
    duplicates = serializers.IntegerField(help_text="Duplicates that Twilio opened; they are closed.")
    duplicates_open = serializers.IntegerField(help_text="Duplicates that are not closed yet.")
    error_code = serializers.IntegerField(allow_null=True, help_text="Twilio's.")
    error_reason = serializers.CharField(help_text="Stable, for programs.")
    error_message = serializers.CharField(help_text="For the agent.")
    delivery_status = DeliveryStatusField(allow_null=True, help_text="Of the first message: Twilio's.")
    message = MessageShape(allow_null=True)
    agent = AgentShape(allow_null=True)
    agent_label = serializers.CharField(help_text="The agent's name, or in words that nobody has taken it yet.")
    can_retry = serializers.BooleanField()
    retried_as = serializers.UUIDField(allow_null=True, help_text="The interaction that was sent in its place.")
    can_confirm = serializers.BooleanField()
    can_cancel = serializers.BooleanField()
    opens_on_answer = serializers.BooleanField(help_text="A task is made when the customer answers.")
    waits_since = serializers.DateTimeField(allow_null=True, help_text="Since when it waits for the answer.")
    can_open_now = serializers.BooleanField(help_text="You may open it without an answer.")
    is_left_open = serializers.BooleanField(help_text="It has ended, and its conversation stays open.")
    can_close = serializers.BooleanField(help_text="The conversation that close_url closes stays open.")
    is_closing = serializers.BooleanField(help_text="That conversation is being closed.")
    open_conversation = OpenConversationShape(allow_null=True, help_text="What is in the way.")
    flex_url = serializers.CharField(allow_null=True, help_text="The task in Flex, until it has ended.")
    status_url = serializers.CharField()
    retry_url = serializers.CharField()
    confirm_url = serializers.CharField()
    cancel_url = serializers.CharField()
    open_url = serializers.CharField()
    close_url = serializers.CharField()
    outcome = serializers.CharField(help_text="How the conversation ended, in the agent's words; empty for none.")
    notes = serializers.CharField(help_text="The agent's.")
    outcome_state = WrittenField(allow_null=True, help_text="Whether outcome and notes are in the task.")
    outcome_text = serializers.CharField(help_text="The same in the reader's language.")
    can_give_outcome = serializers.BooleanField()
    outcome_url = serializers.CharField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


@extend_schema_serializer(component_name="FlexOutboundTimeline")
class TimelineShape(Base):
    """One page, the newest first."""

    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)
    results = InteractionShape(many=True)


@extend_schema_serializer(component_name="FlexOutboundAddress")
class AddressShape(Base):
    """An address of the contact."""

    value = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # DRF takes declared fields off the class
    remark = serializers.CharField(help_text="What the agent should check before sending.")


@extend_schema_serializer(component_name="FlexOutboundSender")
class SenderShape(Base):
    """An address of the business."""

    id = serializers.IntegerField()
    address = serializers.CharField()
    name = serializers.CharField()
    is_default = serializers.BooleanField()


@extend_schema_serializer(component_name="FlexOutboundWindow")
class WindowShape(Base):
    """WhatsApp's window between an address and a sender."""

    address = serializers.CharField()
    sender = serializers.IntegerField()
    state = serializers.ChoiceField([one.value for one in window.State])
    until = serializers.DateTimeField(allow_null=True, help_text="When it closes, or closed.")
    until_text = serializers.CharField(help_text="The same as it stands in the text.")
    text = serializers.CharField(help_text="For the agent.")


@extend_schema_serializer(component_name="FlexOutboundPresence")
class PresenceShape(Base):
    """Whether the agent can take a conversation in Flex."""

    state = serializers.ChoiceField([one.value for one in readiness.There])
    activity = serializers.CharField(help_text="In Flex; empty if not known.")
    since = serializers.DateTimeField(allow_null=True)
    since_text = serializers.CharField(help_text="The same as it stands in the text.")
    task_channel = serializers.CharField(help_text="Whose room is counted; empty if not known.")
    assigned = serializers.IntegerField(allow_null=True)
    capacity = serializers.IntegerField(allow_null=True)
    text = serializers.CharField(help_text="For the agent.")
    is_certain = serializers.BooleanField(help_text="False while Twilio has not said.")


@extend_schema_serializer(component_name="FlexOutboundChannelOption")
class ChannelShape(Base):
    """A channel; if it is not enabled, the reason."""

    channel = ChannelField(Channel.choices)
    label = serializers.CharField()  # type: ignore[assignment]  # DRF takes declared fields off the class
    enabled = serializers.BooleanField()
    reason = serializers.CharField(help_text="Stable, for programs; empty if enabled.")
    reason_text = serializers.CharField(help_text="For the agent.")
    addresses = AddressShape(many=True)
    senders = SenderShape(many=True)
    remedy = serializers.CharField(help_text="What to do about the reason.")
    window = WindowShape(allow_null=True, help_text="Of the preferred address and the default sender; WhatsApp only.")
    windows = WindowShape(many=True, help_text="Of each address and sender.")
    needs_template = serializers.BooleanField(help_text="Free text would not be sent: choose an approved template.")
    presence = PresenceShape(allow_null=True, help_text="Null without live=1.")
    open_conversation = OpenConversationShape(
        allow_null=True,
        help_text="With live=1: the one between the preferred address and the default sender.",
    )
    open_conversations = OpenConversationShape(many=True, help_text="With live=1: all of them.")
    is_asking = serializers.BooleanField(help_text="With live=1: Twilio has yet to answer; ask again.")
    is_known = serializers.BooleanField(help_text="With live=1: false where Twilio did not answer.")


@extend_schema_serializer(component_name="FlexOutboundChannels")
class ChannelsShape(Base):
    """The channels of a contact."""

    contact_type = serializers.CharField()
    contact_id = serializers.CharField()
    name = serializers.CharField()
    channels = ChannelShape(many=True)


@extend_schema_serializer(component_name="FlexOutboundError")
class ErrorShape(Base):
    """An error of the whole request."""

    detail = serializers.CharField(help_text="For people.")
    code = serializers.CharField(help_text="Stable, for programs.")


@extend_schema_serializer(component_name="FlexOutboundInTheWay")
class InTheWayShape(Base):
    """The interaction that is open already, or that does not allow the request."""

    id = serializers.UUIDField()
    status = StatusField()
    status_url = serializers.CharField()


@extend_schema_serializer(component_name="FlexOutboundConflict")
class ConflictShape(ErrorShape):
    """An error caused by an interaction, which is left out if the user may not see it."""

    interaction = InTheWayShape(required=False)
    open_conversation = OpenConversationShape(
        required=False, help_text="With already_open: whose it is, and what can be done about it."
    )
    differs_in = serializers.ListField(
        child=serializers.CharField(),
        required=False,
        help_text="The fields that differ from those that came with the same key before.",
    )
