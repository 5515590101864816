"""Whether a message may go, and why not: asked by the page, the API and the click.

``recheck`` asks once more before it is sent.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from django.utils import translation
from django.utils.functional import Promise

from flex_outbound.channels import Address, Channel
from flex_outbound.contacts import ContactAdapter, adapter_for
from flex_outbound.exceptions import ClickNotAllowed, NotAccepted
from flex_outbound.models import Interaction, Sender, SenderGroup, Worker
from flex_outbound.models.sender import groups_of
from flex_outbound.models.setup import Kept
from flex_outbound.outbox import barriers, consent
from flex_outbound.outbox.addressing import channels_of, lack_of, usable_addresses
from flex_outbound.outbox.barriers import CONSENT_UNKNOWN, NO_CONSENT
from flex_outbound.outbox.consent import OPTED_OUT, Ledger
from flex_outbound.problems import COPY, agent_message, params_of, stored_message
from flex_outbound.statements import load_permissions

logger = logging.getLogger(__name__)

REJECTIONS: Final = frozenset(
    {
        *("agent_not_allowed", "contact_gone", "contact_not_visible", "address_changed", "not_allowed"),
        *(OPTED_OUT, NO_CONSENT, CONSENT_UNKNOWN),
        *("worker_offline", "worker_full", "worker_channel_off", "outside_window"),
        *("template_gone", "template_not_approved", "template", "closed", "not_own", "sender_misconfigured"),
    }
)
"""Reasons of ``Rejection``."""


@dataclass(frozen=True, slots=True)
class ChannelOption:
    """One channel of one contact for one user.

    ``reason``: "" if enabled, else no_permission, no_worker, account_off, no_workspace, no_sender, not_allowed,
    opted_out, no_consent, consent_unknown, no_number, no_email, no_address or the code of the address rule;
    ``reason_text``: the same in words. ``addresses`` are normalised, the preferred one first; ``senders`` the default
    first; both without those that the customer does not want. ``windows``: of WhatsApp, for each address and sender,
    the preferred first.
    """

    channel: Channel
    enabled: bool
    reason: str
    reason_text: str = field(repr=False)
    addresses: list[Address] = field(default_factory=list)
    senders: list[Sender] = field(default_factory=list)
    windows: list[Any] = field(default_factory=list)

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
            return cls(user, "no_permission", agent_message("no_permission"))
        senders = _senders_of(user)
        return cls(user, senders=senders) if senders else cls(user, *_why_none(user))

    def senders_for(self, channel: Channel) -> list[Sender]:
        """Return the senders of one channel, its default first."""
        return [sender for sender in self.senders if sender.channel == channel]

    @property
    def refusing(self) -> frozenset[str]:
        """The channels on which anybody has unsubscribed. Of the others the ledger need not be asked."""
        return frozenset(one.channel for one in self.senders if getattr(one, "is_refused", True))


def require_permission(user: Any) -> None:
    """Raise ClickNotAllowed for a user who may not open conversations, so that nothing else of a request is read."""
    if not user.has_perm("flex_outbound.add_interaction"):
        raise ClickNotAllowed(agent_message("no_permission"), code="no_permission")


_senders: Final[Kept[tuple[list[Sender], dict[int, set[int]]]]] = Kept(3.0)
"""What a user can send with: an agent on the phone clicks again and again."""


def _senders_of(user: Any) -> list[Sender]:
    """Return the senders that a user can use, each with its account and the user's worker there.

    Senders are kept for seconds, whatever their groups. The user's own groups are asked for each time, where there are
    senders that are kept to groups.
    """
    senders, limits = _senders.get(user.pk) or ([], {})
    if not senders:
        found = Sender.objects.of_workers_of(user).with_presence().annotate(is_refused=consent.any_refusal())
        senders = [one for one in found if one.account.workspace_sid]
        limits = {one.pk: set() for one in senders if one.is_limited}  # type: ignore[attr-defined]
        groups = SenderGroup.objects.filter(sender__in=limits) if limits else SenderGroup.objects.none()
        for sender_id, group_id in groups.values_list("sender_id", "group_id"):
            limits[sender_id].add(group_id)
        _senders.keep(user.pk, (senders, limits))
    if not limits or getattr(user, "is_superuser", False):
        return list(senders)
    mine = set(groups_of(user).values_list("pk", flat=True))
    return [one for one in senders if one.pk not in limits or limits[one.pk] & mine]


def _why_none(user: Any) -> tuple[str, str]:
    """Return reason and words for a user without senders; "" twice where only the senders are missing."""
    mine = Worker.objects.filter(user=user, is_active=True)
    accounts = list(mine.values_list("account__is_active", "account__workspace_sid"))
    workspaces = [workspace for is_active, workspace in accounts if is_active]
    if not accounts:
        return "no_worker", agent_message("no_worker")
    if not workspaces:
        return "account_off", agent_message("account_off")
    if not any(workspaces):
        return "no_workspace", agent_message("no_workspace")
    return "", ""


def channel_options(
    user: Any, contact: Any, setup: Setup | None = None, ledger: Ledger | None = None
) -> list[ChannelOption]:
    """Return the channels of a contact for a user, in the order of ``Channel``: SMS, WhatsApp and email in any case.

    The others are there where the contact has such an address and the user a sender. ``setup``: pass one to spare the
    queries on a page of many contacts. ``ledger``: as ``ledger_for`` returns it; None: it is read here, in one query
    where anybody has unsubscribed. Raises LookupError for an unregistered model.
    """
    adapter = adapter_for(type(contact))
    setup = setup or Setup.load(user)
    ledger = ledger_for(setup, [(adapter, contact)]) if ledger is None else ledger
    return [option_for(setup, adapter, contact, one, ledger) for one in channels_of(setup, adapter, contact)]


def ledger_for(
    setup: Setup,
    contacts: Iterable[tuple[ContactAdapter, Any]],
    among: Iterable[Channel] = Channel,
    others: Iterable[str] = (),
) -> Ledger:
    """Return what the ledger says of the addresses of contacts, in one query for all of them, or in none.

    ``others``: addresses that are asked about as well.
    """
    return barriers.ledger_of(contacts, _doubtful(setup, among), others)


def doubtful_addresses(setup: Setup, adapter: ContactAdapter, contact: Any) -> list[str]:
    """Return the addresses of a contact about which the ledger is to be asked, [] where it says nothing."""
    return barriers.addresses_on([(adapter, contact)], _doubtful(setup, Channel))


def _doubtful(setup: Setup, among: Iterable[Channel]) -> list[Channel]:
    return [] if setup.reason else [one for one in among if one in setup.refusing]


def option_for(
    setup: Setup, adapter: ContactAdapter, contact: Any, channel: Channel, ledger: Ledger | None = None
) -> ChannelOption:
    """Return one channel of a contact for a user.

    ``ledger``: as ``ledger_for`` returns it; None: it is read here.
    """
    if setup.reason:
        return _disabled(channel, setup.reason, setup.reason_text)
    senders = setup.senders_for(channel)
    if not senders:
        words = agent_message("no_sender", channel=channel.label)
        return _disabled(channel, "no_sender", words)
    usable, problem = usable_addresses(adapter, contact, channel)
    if not usable:
        reason = problem.code if problem is not None else lack_of(channel)
        words = str(problem) if problem is not None else agent_message(reason, channel=channel.label)
        return _disabled(channel, reason, words)
    refusal = refusal_of(adapter, setup.user, contact, channel)
    if refusal:
        return _disabled(channel, "not_allowed", refusal)
    if ledger is None:
        ledger = ledger_for(setup, [(adapter, contact)], [channel])
    if ledger or barriers.asks_host(adapter):
        usable, senders, reason = barriers.narrow(ledger, adapter, contact, channel, usable, senders)
        if reason:
            return _disabled(channel, reason, agent_message(reason))
    return ChannelOption(channel, True, "", "", usable, senders)


def refusal_of(adapter: ContactAdapter, user: Any, contact: Any, channel: Channel) -> str:
    """Return why the host's policy refuses, in words, lazily translated ones included; "" where it does not."""
    allowed = adapter.can_message(user, contact, channel)
    if allowed is True:
        return ""
    return _words_of(allowed) or agent_message("not_allowed")


def _words_of(answer: object) -> str:
    # PostgreSQL stores no NUL.
    return str(answer).replace("\0", "").strip() if isinstance(answer, str | Promise) else ""


def _disabled(channel: Channel, reason: str, words: str) -> ChannelOption:
    return ChannelOption(channel, False, reason, words)


# -- why something is not sent -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why an interaction is not sent. ``reason``: one of REJECTIONS; ``said``: the host's own words, if it has any.

    ``case``: one of ``problems.CASES``, where the reason has several texts.
    """

    reason: str
    said: str = field(default="", repr=False)
    case: str = ""


class NotSent(NotAccepted):
    """Nothing was sent, and nothing will be. ``rejection``: why."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__("not sent", reason=rejection.reason)
        self.rejection = rejection


def words_of(rejection: Rejection, case: str = "") -> str:
    """Return a rejection in words, for the request that asks. ``case``: one of ``problems.CASES``."""
    return stored_message(rejection.reason, None, params_of(case or rejection.case, rejection.said))


def unsubscribed(interaction: Interaction, ledger: Ledger) -> Rejection | None:
    """Return that a recipient of an interaction has unsubscribed, None where nobody has.

    A test of a sender that goes to one of the business's own addresses is sent in any case.
    """
    refused = barriers.refused_among(ledger, interaction)
    if not refused or (interaction.is_test and barriers.is_own(interaction.address)):
        return None
    return Rejection(OPTED_OUT, case="" if refused[0] == interaction.address else COPY)


def may_send(agent: Any) -> bool:
    """Tell whether an agent may still open conversations. An error of the project's backend does not refuse."""
    try:
        load_permissions(agent)
        return bool(agent.is_active and agent.has_perm("flex_outbound.add_interaction"))
    except Exception:
        logger.exception("The permissions of user %s cannot be read; what they clicked is sent", agent.pk)
        return True


def to_store(answer: object) -> str:
    """Return the host's words for a refusal as they are stored, "" where it gave none.

    A lazy translation is stored untranslated, so that every reader gets it in their own language; one that is put
    together from parts is in no catalog, and is stored in the language of the worker.
    """
    words = _words_of(answer)
    if not isinstance(answer, Promise):
        return words
    with translation.override(None):
        untranslated = _words_of(answer)
    return untranslated if untranslated and translation.gettext(untranslated) == words else words
