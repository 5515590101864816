"""What an account has at Twilio, as a protocol: read for setting up.

Every method raises the errors of ``gateway.base``; all three mean that the list was not read to its end. Lists are read
page by page during the iteration, so an error may be raised in the middle.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class ListedResource:
    """One resource. ``details``: by kind, as in ``models.Resource``. ``account_sid``: "" if not shown."""

    sid: str
    name: str
    parent_sid: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    account_sid: str = ""


@dataclass(frozen=True, slots=True)
class ConversationDefaults:
    """How new conversations are set up. ``closed_timer``: after how long they are closed, ISO 8601, "" for never.

    ``service_sid``: the account's default conversation service, ``flex_service_sid``: the one that Flex uses; "" where
    Twilio did not say.
    """

    service_sid: str
    flex_service_sid: str
    closed_timer: str


class Product(StrEnum):
    """Twilio's products that are needed, in the names by which its console grants the rights of an API key."""

    TASKROUTER = "TaskRouter"
    CONVERSATIONS = "Conversations"
    INTERACTIONS = "Flex Interactions"
    CONTENT = "Content"


@dataclass(frozen=True, slots=True)
class ListedTemplate:
    """One content template. The fields are those of ``models.Template``; texts are as Twilio shows them."""

    sid: str
    name: str
    language: str
    types: dict[str, Any] = field(repr=False)
    variables: dict[str, str] = field(repr=False)
    category: str = ""
    content_type: str = ""
    status: str = ""
    rejection_reason: str = field(default="", repr=False)


class Directory(Protocol):
    """Everything that the credentials of one account give access to."""

    def account_name(self) -> str:
        """Return the account's friendly name. Standard API keys may not ask: Refused."""

    def workspaces(self) -> Iterator[ListedResource]:
        """Yield the TaskRouter workspaces."""

    def workflows(self, workspace_sid: str) -> Iterator[ListedResource]:
        """Yield a workspace's workflows."""

    def task_queues(self, workspace_sid: str) -> Iterator[ListedResource]:
        """Yield a workspace's task queues."""

    def task_channels(self, workspace_sid: str) -> Iterator[ListedResource]:
        """Yield a workspace's task channels; ``details["unique_name"]``."""

    def workers(self, workspace_sid: str) -> Iterator[ListedResource]:
        """Yield a workspace's workers."""

    def phone_numbers(self) -> Iterator[ListedResource]:
        """Yield the account's phone numbers."""

    def whatsapp_senders(self) -> Iterator[ListedResource]:
        """Yield the account's WhatsApp senders."""

    def email_addresses(self) -> Iterator[ListedResource]:
        """Yield the email addresses that are connected to Conversations."""

    def conversation_defaults(self) -> ConversationDefaults:
        """Return how new conversations are set up."""

    def refused_products(self) -> list[Product]:
        """Return the products that the credentials may not use. Each is asked for something that is cheap to read."""

    def content_templates(self) -> Iterator[ListedResource]:
        """Yield the content templates with their approvals for WhatsApp."""

    def templates(self) -> Iterator[ListedTemplate]:
        """Yield the content templates with everything that they say, and their approvals for WhatsApp."""
