"""The form of a sender: what Twilio has is chosen by name, and typed only if nothing was imported."""

from typing import Any, ClassVar, Final

from django import forms
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from flex_outbound import addresses
from flex_outbound.admin.resource_choices import Choice, ResourceChoices
from flex_outbound.channels import Channel
from flex_outbound.models import Account, ResourceKind, Sender
from flex_outbound.outbox import signatures
from flex_outbound.outbox.placeholders import names_in
from flex_outbound.setup.choosing import ADDRESSES

PICKED: Final = {
    "queue_sid": ResourceKind.TASK_QUEUE,
    "workflow_sid": ResourceKind.WORKFLOW,
    "task_channel": ResourceKind.TASK_CHANNEL,
}


class SenderForm(forms.ModelForm):
    """A sender of one account and channel, which cannot be changed. Django makes a subclass for each request.

    ``account``, ``channel``: those of a new sender, set on the subclass. ``typed``: SIDs and address are typed even if
    there are lists to choose from.
    """

    account: ClassVar[Account]
    channel: ClassVar[Channel]
    typed: ClassVar[bool] = False

    allowed_groups = forms.ModelMultipleChoiceField(
        label=_("Who may use it"),
        queryset=Group.objects.order_by("name"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Members of these groups. None selected: every agent. Superusers may use every sender."),
    )

    class Meta:
        model = Sender
        fields = (
            "display_name",
            "address",
            "is_default",
            "is_active",
            "queue_sid",
            "workflow_sid",
            "task_channel",
            "priority",
            "timeout",
            "signature",
        )
        widgets: ClassVar = {"signature": forms.Textarea(attrs={"rows": 5, "dir": "auto"})}
        help_texts: ClassVar = {
            "is_default": _("Agents send from it unless they choose another one. It replaces the default before it."),
            "priority": _("The higher, the sooner. Empty: 0."),
            "timeout": _("How long a task may wait for its agent. Empty: Twilio's default."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk is None:
            self.instance.account, self.instance.channel = self.account, self.channel
        else:
            self.initial["allowed_groups"] = self.instance.groups.all()
        if self.instance.channel != Channel.EMAIL:
            self.fields.pop("signature", None)
        self.resources = ResourceChoices(self.instance.account)
        self.missing: list[str] = []
        channel = Channel(self.instance.channel)
        # Twilio lists no addresses of chats and pages.
        offers = {"address": self.resources.addresses(channel)} if channel in ADDRESSES else {}
        offers |= {name: self.resources.named(kind) for name, kind in PICKED.items()}
        for name, offered in offers.items():
            if name in self.fields:
                self._offer(name, offered)

    def _offer(self, name: str, offered: list[Choice]) -> None:
        """Turn a field into a choice of what is offered and of the value that is stored."""
        field = self.fields[name]
        kind = PICKED.get(name) or ADDRESSES[Channel(self.instance.channel)]
        stored = str(self.initial.get(name) or "")
        if self.resources.is_missing(kind, stored):
            self.missing.append(capfirst(self._label(name)))
        if self.typed or not self.resources.knows(kind):
            return
        if stored and stored not in dict(offered):
            offered = [*offered, (stored, self.resources.label_of(kind, stored))]
        gone = _("This does not exist any more. Choose another one, or import from Twilio again.")
        self.fields[name] = forms.ChoiceField(
            label=capfirst(self._label(name)),
            required=field.required,
            choices=[("", self._nothing(name)), *offered],
            error_messages={"invalid_choice": gone},
        )

    def _label(self, name: str) -> str:
        """Return a field's label without the word SID, for a list of names."""
        return str(PICKED[name].label if name in PICKED else self.fields[name].label)

    def _nothing(self, name: str) -> Any:
        if name != "workflow_sid":
            return "---------"
        sid = self.instance.account.workflow_sid
        default = dict(self.resources.named(ResourceKind.WORKFLOW)).get(sid, sid)
        return _("The account's default: %(name)s") % {"name": default} if default else "---------"

    def clean_address(self) -> str:
        """Refuse an address that its channel cannot have, or that another sender of account and channel has."""
        sender = Sender(channel=self.instance.channel, address=self.cleaned_data["address"])
        try:
            sender.clean()
        except ValidationError as error:
            raise ValidationError(error.message_dict["address"]) from error
        if self.instance.opens_on_inbound and not addresses.same(sender.address, self.instance.address):
            words = _(
                "Customers who write to %(address)s first are answered by this site. Give that back on the account's "
                "page “Callbacks” before you change the address."
            )
            raise ValidationError(words, params={"address": self.instance.address}, code="opens_on_inbound")
        # Locked until the admin's transaction ends: of two requests that save the same address, the second waits.
        Account.objects.select_for_update().only("pk").get(pk=self.instance.account_id)
        same = Sender.objects.filter(account_id=self.instance.account_id, channel=sender.channel)
        other = same.filter(address=sender.address).exclude(pk=self.instance.pk).first()
        if other is not None:
            words = _("“%(sender)s” has this address already. Change that sender instead.")
            raise ValidationError(words, params={"sender": other.display_name}, code="unique")
        return sender.address

    def clean_timeout(self) -> int | None:
        """Refuse 0 seconds: no agent could accept the task."""
        timeout: int | None = self.cleaned_data["timeout"]
        if timeout == 0:
            raise ValidationError(_("Enter at least one second, or leave it empty for the workflow's own."))
        return timeout

    def clean_signature(self) -> str:
        """Refuse placeholders that are not the agent's: nobody is asked for them when an email goes out."""
        text: str = self.cleaned_data["signature"].replace("\r\n", "\n")
        unknown = [name for name in names_in(text) if name not in signatures.KNOWN]
        if unknown:
            words = _("A signature knows no %(unknown)s. It may have %(known)s.")
            names = {
                "unknown": f"{{{{{unknown[0]}}}}}",
                "known": ", ".join(f"{{{{{one}}}}}" for one in signatures.KNOWN),
            }
            raise ValidationError(words, params=names, code="unknown_placeholder")
        return text

    def _save_m2m(self) -> None:
        super()._save_m2m()  # type: ignore[misc]
        self.instance.groups.set(self.cleaned_data["allowed_groups"])
