"""A manager's test of a sender: a click like every other, whose "contact" is the sender itself.

So it is a committed interaction with attempts, lookups and a status. It is in the history, and no contact's timeline
shows it. The sender is registered with no adapter: neither the API nor the plain form can name it as a contact.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from flex_outbound import channels
from flex_outbound.channels import AddressError, Channel
from flex_outbound.conf import conf
from flex_outbound.contacts import ContactAdapter, label_of
from flex_outbound.exceptions import ClickNotAllowed, InvalidClick
from flex_outbound.models import Interaction, Message, Sender, Worker
from flex_outbound.models.interaction import InteractionQuerySet
from flex_outbound.outbox.enqueue import Click, build, commit
from flex_outbound.outbox.preflight import Setup


@dataclass(frozen=True, slots=True)
class SenderTest:
    """What a manager asked for. ``address``: in any format; ``worker``: primary key of whose task it becomes;
    ``body``, ``subject``: may be empty; ``key``: the same key of the same user means the same click.
    """

    __test__ = False  # not one of pytest's

    user: Any
    sender: Sender
    address: str = field(repr=False)
    worker: int
    body: str = field(default="", repr=False)
    subject: str = field(default="", repr=False)
    key: str = ""


class _TestContact(ContactAdapter):
    """The sender in a contact's place, reachable at the address that the manager gave and no other."""

    def __init__(self, address: str) -> None:
        super().__init__(Sender)
        self.address = address

    def get_name(self, contact: Any) -> str:
        """Return the customer's name as Flex shows it."""
        return _("Test of %(sender)s") % {"sender": contact.display_name}

    def get_addresses(self, contact: Any, channel: Channel) -> Iterable[str]:
        """Return the manager's address."""
        return [self.address]


def send_test(test: SenderTest, repeats: Interaction | None = None) -> Interaction:
    """Commit a test and return its interaction, or the one that the same click made.

    Who may change senders may test every active one, whatever its groups. Raises what ``enqueue`` raises.
    """
    sender, worker = test.sender, _worker(test)
    address = _address(test)
    sender.own_worker_id, sender.own_worker_sid = worker.pk, worker.worker_sid  # type: ignore[attr-defined]
    click = Click(
        user=test.user,
        contact_type=label_of(Sender),
        contact_id=str(sender.pk),
        channel=sender.channel,
        address=address,
        sender=sender.pk,
        body=test.body,
        subject=test.subject,
        idempotency_key=test.key,
    )
    return commit(click, *build(click, Setup(test.user, senders=[sender]), _TestContact(address), sender), repeats)


def again(interaction: Interaction, user: Any, key: str) -> Interaction:
    """Send a test again. Raises what ``send_test`` raises, InvalidClick where sender or worker are gone."""
    message: Message | None = interaction.first_message
    if interaction.sender is None or interaction.worker_id is None:
        raise InvalidClick(
            _("The sender or the worker of this test was deleted. Send a new test."), code="unknown_sender"
        )
    body = message.typed if message else ""
    test = SenderTest(
        user, interaction.sender, interaction.address, interaction.worker_id, body, interaction.subject, key
    )
    return send_test(test, interaction)


def tests_of(sender: Sender) -> InteractionQuerySet:
    """Return the tests of a sender, the newest first."""
    return Interaction.objects.for_contact(sender).order_by("-created_at", "-id")


def workers_for(user: Any, sender: Sender) -> list[Worker]:
    """Return as whom a user may test: as their own worker, and as any with the right to change workers; own first."""
    workers = Worker.objects.filter(account_id=sender.account_id, is_active=True).select_related("user")
    if not user.has_perm("flex_outbound.change_worker"):
        workers = workers.filter(user=user)
    return sorted(workers, key=lambda worker: worker.user_id != user.pk)


def _worker(test: SenderTest) -> Worker:
    """Check who may test what, and return whose task it becomes."""
    if not test.user.has_perm("flex_outbound.change_sender"):
        raise ClickNotAllowed(_("You may not test senders: this takes the right to change them."), code="no_permission")
    if not test.sender.is_active or not test.sender.account.is_active:
        raise ClickNotAllowed(_("The sender or its account is switched off. Switch it on first."), code="account_off")
    for worker in workers_for(test.user, test.sender):
        if worker.pk == test.worker:
            return worker
    raise InvalidClick(_("Choose a worker of this account who is active."), code="unknown_worker", field="worker")


def _address(test: SenderTest) -> str:
    channel = Channel(test.sender.channel)
    try:
        return channels.normalize(channel, test.address, conf.default_region)
    except AddressError as error:
        raise InvalidClick(str(error), code=error.code, field="address") from error
