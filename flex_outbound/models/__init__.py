"""The record: what is set up, what was clicked, what Twilio said."""

from flex_outbound.models.account import Account, MessageText
from flex_outbound.models.attempt import DispatchAttempt
from flex_outbound.models.closing import Closing
from flex_outbound.models.consent import ConsentEvent, ConsentSource, ConsentState
from flex_outbound.models.conversation import (
    AddressIndex,
    ContactAddress,
    Conversation,
    ConversationContact,
    ReadMark,
)
from flex_outbound.models.draft import Draft
from flex_outbound.models.event import Source, WebhookEvent, WebhookReceipt, WebhookRefusal
from flex_outbound.models.figures import DailyFigures, FiguresMark
from flex_outbound.models.heartbeat import Heartbeat
from flex_outbound.models.import_run import UNDER_WAY, ImportRun, RunState
from flex_outbound.models.in_the_way import ANSWERING, IN_THE_WAY, IN_THE_WAY_OF_ALL
from flex_outbound.models.interaction import Interaction
from flex_outbound.models.message import Attachment, Message
from flex_outbound.models.mixins import FlexContact
from flex_outbound.models.open_search import ConversationHolder, OpenSearch
from flex_outbound.models.presence import Presence
from flex_outbound.models.resource import Resource, ResourceKind
from flex_outbound.models.saved_reply import SavedReply, SavedReplyGroup
from flex_outbound.models.sender import Sender, SenderGroup
from flex_outbound.models.task_update import TaskUpdate
from flex_outbound.models.template import Template, TemplateUse
from flex_outbound.models.worker import Worker
from flex_outbound.statuses import Outcome

__all__ = [
    "ANSWERING",
    "IN_THE_WAY",
    "IN_THE_WAY_OF_ALL",
    "UNDER_WAY",
    "Account",
    "AddressIndex",
    "Attachment",
    "Closing",
    "ConsentEvent",
    "ConsentSource",
    "ConsentState",
    "ContactAddress",
    "Conversation",
    "ConversationContact",
    "ConversationHolder",
    "DailyFigures",
    "DispatchAttempt",
    "Draft",
    "FiguresMark",
    "FlexContact",
    "Heartbeat",
    "ImportRun",
    "Interaction",
    "Message",
    "MessageText",
    "OpenSearch",
    "Outcome",
    "Presence",
    "ReadMark",
    "Resource",
    "ResourceKind",
    "RunState",
    "SavedReply",
    "SavedReplyGroup",
    "Sender",
    "SenderGroup",
    "Source",
    "TaskUpdate",
    "Template",
    "TemplateUse",
    "WebhookEvent",
    "WebhookReceipt",
    "WebhookRefusal",
    "Worker",
]
