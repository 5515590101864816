"""The business's own addresses, per channel."""

from typing import Any

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from flex_outbound import channels
from flex_outbound.channels import Channel
from flex_outbound.models.account import Account
from flex_outbound.models.fields import SidField
from flex_outbound.models.setup import SetupModel, SetupQuerySet
from flex_outbound.sids import SidKind

PRESENCE = ("activity_name", "is_available", "activity_at", "channels", "asked_at", "seen_at", "told_at", "problem")
"""Columns of a ``Presence`` that pages show."""


class SenderQuerySet(SetupQuerySet["Sender"]):
    """Senders as the pages and the API need them."""

    def usable_by(self, user: Any) -> "SenderQuerySet":
        """Return what a user can send with, in one query: active senders, each channel's default first.

        A sender with groups is there for their members and for superusers. Each comes with its account, whose secrets
        stay closed, and with ``own_worker_id`` and ``own_worker_sid``: who the user is in that account.
        """
        return self.of_workers_of(user).open_to(user)

    def of_workers_of(self, user: Any) -> "SenderQuerySet":
        """As ``usable_by``, but whatever the senders' groups; ``is_limited`` tells whether a sender has any."""
        secrets = ("account__api_key_secret", "account__auth_token", "account__previous_auth_token")
        mine = Q(account__workers__user=user, account__workers__is_active=True)
        return (
            self.filter(mine, is_active=True, account__is_active=True)
            .annotate(
                own_worker_id=F("account__workers__id"),
                own_worker_sid=F("account__workers__worker_sid"),
                is_limited=Exists(SenderGroup.objects.filter(sender=OuterRef("pk"))),
            )
            .select_related("account")
            .defer(*secrets)
            .order_by("-is_default", "pk")
        )

    def with_presence(self) -> "SenderQuerySet":
        """Return senders of ``of_workers_of`` with what is known of the user's worker: ``presence_…``, and ``read_at``.

        It stands in the same query.
        """
        known = {f"presence_{name}": F(f"account__workers__presence__{name}") for name in PRESENCE}
        return self.annotate(**known, read_at=Now())

    def open_to(self, user: Any) -> "SenderQuerySet":
        """Return the senders whose groups let a user in: no group at all, one of the user's, or any for superusers."""
        if getattr(user, "is_superuser", False):
            return self
        # EXISTS and no join: a user in two groups of one sender would have it twice.
        limits = SenderGroup.objects.filter(sender=OuterRef("pk"))
        return self.filter(~Exists(limits) | Exists(limits.filter(group__in=groups_of(user))))


def groups_of(user: Any) -> models.QuerySet[Group, Any]:
    """Return a user's groups, to be asked for within another query; none where the user model has no such groups."""
    groups = getattr(user, "groups", None)
    if getattr(groups, "model", None) is not Group:
        return Group.objects.none().values("pk")
    return groups.order_by().values("pk")  # type: ignore[no-any-return, union-attr]


class Sender(SetupModel):
    """An address of the business that a customer sees, and where its interactions are routed."""

    account = models.ForeignKey(Account, models.PROTECT, related_name="senders", verbose_name=_("Twilio account"))
    channel = models.CharField(_("channel"), max_length=16, choices=Channel.choices)
    address = models.CharField(
        _("address"),
        max_length=254,
        help_text=_(
            "A phone number with country code, an email address, or the id of a Messenger page. Chats have no address "
            "at Twilio: write a short name of where customers chat, such as website."
        ),
    )
    display_name = models.CharField(
        _("display name"),
        max_length=100,
        help_text=_("What agents choose by; for email also the sender's name."),
    )
    queue_sid = SidField(_("task queue SID"), kind=SidKind.TASK_QUEUE)
    workflow_sid = SidField(
        _("workflow SID"),
        kind=SidKind.WORKFLOW,
        blank=True,
        default="",
        help_text=_("Empty: the account's default."),
    )
    task_channel = models.CharField(
        _("task channel"),
        max_length=64,
        blank=True,
        default="",
        help_text=_("SID (TC…) or unique name; may stay empty."),
    )
    priority = models.PositiveIntegerField(_("priority"), null=True, blank=True)
    timeout = models.PositiveIntegerField(_("timeout in seconds"), null=True, blank=True)
    signature = models.TextField(
        _("signature"),
        max_length=1000,
        blank=True,
        default="",
        help_text=_(
            "Added below every email that is written here. {{agent.name}}, {{agent.first_name}} and {{agent.email}} "
            "stand for the agent's."
        ),
    )
    groups = models.ManyToManyField(
        Group,
        through="SenderGroup",
        blank=True,
        related_name="+",
        verbose_name=_("who may use it"),
        help_text=_("Empty: every agent."),
    )
    is_default = models.BooleanField(_("default for its channel"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    opens_on_inbound = models.BooleanField(
        _("opens for customers who write first"),
        default=False,
        editable=False,
        help_text=_(
            "A customer who writes first gets an agent. Switched on and off on the account's page “Callbacks”."
        ),
    )
    address_configuration_sid = SidField(
        _("address configuration SID"), kind=SidKind.ADDRESS_CONFIGURATION, blank=True, default="", editable=False
    )
    previous_auto_creation = models.JSONField(
        _("what answered before"),
        null=True,
        default=None,
        editable=False,
        help_text=_("As Twilio showed it; {} where there was nothing. Null: not known."),
    )

    objects = SenderQuerySet.as_manager()

    class Meta:
        verbose_name = _("sender")
        verbose_name_plural = _("senders")
        ordering = ["channel", "display_name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["account", "channel", "address"], name="flex_sender_address_unique"),
            models.CheckConstraint(condition=models.Q(channel__in=Channel.values), name="flex_sender_channel_known"),
        ]

    def __str__(self) -> str:
        return f"{self.display_name} ({self.address})"

    def clean(self) -> None:
        """Normalise the address by the rules of the channel; a malformed one names the field."""
        if self.channel in channels.ENDED:
            words = ValidationError(channels.ENDED[self.channel], code=channels.CHANNEL_ENDED)
            raise ValidationError({"channel": words})
        if self.channel not in Channel.values or not self.address:
            return
        try:
            self.address = self.normalized(Channel(self.channel), self.address)
        except channels.AddressError as error:
            raise ValidationError({"address": str(error)}) from error

    @staticmethod
    def normalized(channel: Channel, address: str) -> str:
        """Return an address of the business as senders keep it. Raises AddressError."""
        return channels.normalize(channel.reading, address)

    @property
    def effective_workflow_sid(self) -> str:
        """The sender's workflow, or the account's default; may be empty."""
        return self.workflow_sid or self.account.workflow_sid


class SenderGroup(SetupModel):
    """A group that may use a sender.

    A model of its own for its PROTECT: without it, deleting a sender's only group would open the sender to everybody.
    """

    sender = models.ForeignKey(Sender, models.CASCADE, related_name="+", verbose_name=_("sender"))
    group = models.ForeignKey(Group, models.PROTECT, related_name="+", verbose_name=_("group"))

    objects = SetupQuerySet.as_manager()

    class Meta:
        verbose_name = _("group of a sender")
        verbose_name_plural = _("groups of senders")
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["sender", "group"], name="flex_sender_group_unique")]

    def __str__(self) -> str:
        return f"{self.sender} · {self.group}"
