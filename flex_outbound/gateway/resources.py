"""What an account has at Twilio, as a protocol: for setting up, where nothing is sent and all may be asked again.

Every method raises the errors of ``gateway.base``; all three mean that the list was not read whole. Lists are read page
by page while they are walked through, so an error may come in the middle.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Listed:
    """One resource. ``details`` by kind as in ``models.Resource``; ``account_sid``: whose it is, "" if not said."""

    sid: str
    name: str
    parent_sid: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    account_sid: str = ""


class Directory(Protocol):
    """All that one account's credentials show."""

    def account_name(self) -> str:
        """Return the account's friendly name. Standard API keys may not ask: Refused."""

    def workspaces(self) -> Iterator[Listed]:
        """Yield the TaskRouter workspaces."""

    def workflows(self, workspace_sid: str) -> Iterator[Listed]:
        """Yield a workspace's workflows."""

    def task_queues(self, workspace_sid: str) -> Iterator[Listed]:
        """Yield a workspace's task queues."""

    def task_channels(self, workspace_sid: str) -> Iterator[Listed]:
        """Yield a workspace's task channels; ``details["unique_name"]``."""

    def workers(self, workspace_sid: str) -> Iterator[Listed]:
        """Yield a workspace's workers."""

    def phone_numbers(self) -> Iterator[Listed]:
        """Yield the account's phone numbers."""

    def whatsapp_senders(self) -> Iterator[Listed]:
        """Yield the account's WhatsApp senders."""

    def email_addresses(self) -> Iterator[Listed]:
        """Yield the email addresses that are connected to Conversations."""

    def content_templates(self) -> Iterator[Listed]:
        """Yield the content templates with their approvals for WhatsApp."""
