"""What a user may open for a contact, and why not: one answer for the page, the API and the click itself."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from flex_outbound import channels
from flex_outbound.channels import Address, AddressError, Channel
from flex_outbound.contacts import ContactAdapter, adapter_for
from flex_outbound.models import Sender, Worker


@dataclass(frozen=True, slots=True)
class ChannelOption:
    """One channel of one contact for one user.

    ``reason``: "" if enabled, else no_permission, no_worker, account_off, no_workspace, no_sender, not_allowed,
    no_number, no_email or the code of the address rule; ``reason_text``: the same in words. ``addresses`` are
    normalised, the preferred one first; ``senders`` the default first.
    """

    channel: Channel
    enabled: bool
    reason: str
    reason_text: str
    addresses: list[Address] = field(default_factory=list)
    senders: list[Sender] = field(default_factory=list)

    @property
    def label(self) -> str:
        """The channel's name."""
        return str(self.channel.label)


@dataclass(slots=True)
class Setup:
    """What a user can send with, whatever the contact: loaded once per request, in a constant number of queries."""

    user: Any
    reason: str = ""
    reason_text: str = ""
    senders: list[Sender] = field(default_factory=list)

    @classmethod
    def load(cls, user: Any) -> "Setup":
        """Read permission, workers and senders of a user (anonymous users included)."""
        if not user.is_authenticated or not user.has_perm("flex_outbound.add_interaction"):
            return cls(user, "no_permission", _("You may not open conversations. Ask your manager for access."))
        senders = [sender for sender in Sender.objects.usable_by(user) if sender.account.workspace_sid]
        return cls(user, senders=senders) if senders else cls(user, *_why_none(user))

    def senders_for(self, channel: Channel) -> list[Sender]:
        """Return the senders of one channel, its default first."""
        return [sender for sender in self.senders if sender.channel == channel]


def _why_none(user: Any) -> tuple[str, str]:
    """Return reason and words for a user without senders; "" twice where only the senders are missing."""
    mine = Worker.objects.filter(user=user, is_active=True)
    accounts = list(mine.values_list("account__is_active", "account__workspace_sid"))
    workspaces = [workspace for is_active, workspace in accounts if is_active]
    if not accounts:
        return "no_worker", _("You are not set up as a Flex worker. Ask your manager to add you.")
    if not workspaces:
        return "account_off", _("Messaging is switched off. Ask your manager when it will be back.")
    if not any(workspaces):
        return "no_workspace", _("Messaging is not set up yet. Ask your manager to choose the Flex workspace.")
    return "", ""


def usable_addresses(
    adapter: ContactAdapter, contact: Any, channel: Channel
) -> tuple[list[Address], AddressError | None]:
    """Return the contact's normalised addresses without repetitions, and the first error if some were unusable."""
    region = adapter.get_default_region(contact) if channel.is_phone else None
    found: dict[str, Address] = {}
    trouble: AddressError | None = None
    for raw in adapter.get_addresses(contact, channel):
        given = raw if isinstance(raw, Address) else Address(raw)
        try:
            value = channels.normalize(channel, given.value, region)
        except AddressError as error:
            trouble = trouble or error
            continue
        found.setdefault(value, Address(value, given.label))
    return list(found.values()), trouble


def channel_options(user: Any, contact: Any, setup: Setup | None = None) -> list[ChannelOption]:
    """Return the three channels of a contact for a user, in the order of ``Channel``.

    ``setup``: pass one to spare the queries on a page of many contacts. Raises LookupError for an unregistered model.
    """
    adapter = adapter_for(type(contact))
    setup = setup or Setup.load(user)
    return [option_for(setup, adapter, contact, channel) for channel in Channel]


def option_for(setup: Setup, adapter: ContactAdapter, contact: Any, channel: Channel) -> ChannelOption:
    """Return one channel of a contact for a user."""
    if setup.reason:
        return _disabled(channel, setup.reason, setup.reason_text)
    senders = setup.senders_for(channel)
    if not senders:
        words = _("There is no sender for %(channel)s that you may use. Ask your manager for one.") % {
            "channel": channel.label
        }
        return _disabled(channel, "no_sender", words)
    addresses, trouble = usable_addresses(adapter, contact, channel)
    if not addresses:
        return _disabled(channel, *_no_address(channel, trouble))
    refusal = refusal_of(adapter, setup.user, contact, channel)
    if refusal:
        return _disabled(channel, "not_allowed", refusal)
    return ChannelOption(channel, True, "", "", addresses, senders)


def refusal_of(adapter: ContactAdapter, user: Any, contact: Any, channel: Channel) -> str:
    """Return why the host's policy refuses, in words, lazily translated ones included; "" where it does not."""
    allowed = adapter.can_message(user, contact, channel)
    if allowed is True:
        return ""
    words = str(allowed).strip() if isinstance(allowed, str | Promise) else ""
    return words or _("You may not message this contact.")


def _disabled(channel: Channel, reason: str, words: str) -> ChannelOption:
    return ChannelOption(channel, False, reason, words)


def _no_address(channel: Channel, trouble: AddressError | None) -> Iterable[str]:
    if trouble is not None:
        return trouble.code, str(trouble)
    if channel.is_phone:
        return "no_number", _("This contact has no phone number.")
    return "no_email", _("This contact has no email address.")
