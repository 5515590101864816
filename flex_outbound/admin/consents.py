"""The ledger of who may be written to: found by address, added to with a reason, imported and exported as CSV.

Nothing in it is ever changed or deleted here.
"""

import io
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from flex_outbound import addresses, channels
from flex_outbound.admin.base import log_of_many
from flex_outbound.admin.bounded_list import BoundedListAdmin
from flex_outbound.admin.filters import FoldedRelated
from flex_outbound.admin.pages import Page
from flex_outbound.admin.search import addresses_in, sid_in
from flex_outbound.admin.secrets import SensitiveAdmin
from flex_outbound.channels import AddressError, Channel
from flex_outbound.conf import conf
from flex_outbound.consenting import PERMISSION, refused_contact
from flex_outbound.display import isolated
from flex_outbound.models import ConsentEvent, ConsentSource, ConsentState, Sender
from flex_outbound.models.digests import digests_of
from flex_outbound.outbox import consent, consent_files
from flex_outbound.outbox.consent import Entry
from flex_outbound.outbox.consent_files import BadFile

NONE: Final = "–"
LARGEST: Final = 50 * 1024 * 1024


class ConsentForm(forms.ModelForm):
    """What a person may say. The reason is what is asked for first when somebody complains."""

    sender_address = forms.ChoiceField(label=gettext_lazy("Sender"), required=False)
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=gettext_lazy("How and when the customer said so."),
    )

    class Meta:
        model = ConsentEvent
        fields = ("channel", "address", "account", "sender_address", "state", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # No model form where the entry is only shown.
        if "sender_address" in self.fields:
            found = Sender.objects.order_by("channel", "display_name")
            choices = {one.address: f"{one.get_channel_display()} · {one}" for one in found}
            self.fields["sender_address"].choices = [("", _("Every sender")), *choices.items()]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """Normalise the address by the rules of its channel."""
        given = super().clean() or {}
        channel, address = given.get("channel"), given.get("address")
        if channel and address:
            # A landline is refused when it is written to; that its customer does not want it is true all the same.
            try:
                given["address"] = channels.normalize(Channel(channel).reading, address, conf.default_region)
            except AddressError as error:
                raise ValidationError({"address": str(error)}) from error
        sender = given.get("sender_address")
        if sender and channel and not Sender.objects.filter(address=sender, channel=channel).exists():
            raise ValidationError({"sender_address": _("This sender is of another channel.")})
        return given


class ExportPage(Page):
    """The whole ledger as a file."""

    route, name = "export/", "export"
    permission = "add"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Return the file, written while it is read."""
        log_of_many(
            request, ConsentEvent, _("Export as CSV"), _("Exported as CSV: %(filter)s") % {"filter": _("everything")}
        )
        answer = StreamingHttpResponse(consent_files.lines(), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = 'attachment; filename="consents.csv"'
        answer["Cache-Control"] = "private, no-store"
        return answer


class ImportPage(Page):
    """A form for a file; what is wrong in it is named, and nothing of it is taken then."""

    route, name = "import/", "import"
    template = "import.html"
    title = gettext_lazy("Import consents")
    permission = "add"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the form."""
        return self.render(columns=", ".join(consent_files.COLUMNS))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Take the file."""
        file = request.FILES.get("file")
        if file is None or (file.size or 0) > LARGEST:
            words = _("Choose a file.") if file is None else _("This file is too large. Import it in parts.")
            return self._again([words])
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        try:
            found = consent_files.take(text, request.user)
        except BadFile as error:
            return self._again([str(one) for one in error.problems])
        finally:
            text.detach()
        words = ngettext("%(added)d entry of %(rows)d was new.", "%(added)d entries of %(rows)d were new.", found.added)
        said = words % {"added": found.added, "rows": found.rows}
        # The log names nobody of the file.
        log_of_many(request, ConsentEvent, _("Import of a CSV file"), said)
        self.say(messages.SUCCESS, said)
        return self.redirect(self.model_admin.url_to("changelist"))

    def _again(self, problems: list[str]) -> HttpResponse:
        return self.render(status=400, columns=", ".join(consent_files.COLUMNS), problems=problems)


@admin.register(ConsentEvent)
class ConsentEventAdmin(SensitiveAdmin, BoundedListAdmin):
    """Entries with what they say, about whom and from whom; new ones with a reason."""

    change_list_template = "admin/flex_outbound/consentevent/change_list.html"
    form = ConsentForm
    pages = (ExportPage, ImportPage)
    list_display = ("happened_at", "shown_address", "channel", "state", "counts_for", "source", "is_newest")
    list_display_links = ("happened_at",)
    list_filter = ("state", "channel", "source", "is_newest", ("account", FoldedRelated))
    list_select_related = ("user", "account")
    ordering = ("-happened_at", "-id")
    sortable_by = ("happened_at",)
    search_fields = ("address_key",)
    search_help_text = gettext_lazy("A phone number in any format, an email address, or the SID of a message.")
    fields = ("channel", "shown_address", "account", "shown_sender", "state", "source", "reason", "user")
    more_fields = ("message_sid", "happened_at", "created_at", "is_newest")
    readonly_fields = ("shown_address", "shown_sender", "happened_at", "created_at", "is_newest")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user may say whether customers may be written to."""
        return request.user.has_perm(PERMISSION)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Tell whether the user may read the ledger: also who may add to it."""
        return super().has_view_permission(request, obj) or request.user.has_perm(PERMISSION)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: a new entry takes the place of an old one."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: who unsubscribed stays known."""
        return False

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return what a person fills in, or all that an entry says."""
        return (*self.fields, *self.more_fields) if obj is not None else ConsentForm.Meta.fields

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Fill in the contact's address that the link beside a refusal is about: addresses are in no URL."""
        found = refused_contact(request.user, request.GET)
        initial = {"state": ConsentState.OPTED_IN.value} if "contact" in request.GET else {}
        return initial | found

    def save_model(self, request: HttpRequest, obj: ConsentEvent, form: Any, change: bool) -> None:
        """Add the entry by the one writer of the ledger."""
        [made] = consent.append(
            [
                Entry(
                    channel=obj.channel,
                    address=obj.address,
                    state=obj.state,
                    source=ConsentSource.PERSON,
                    account_id=obj.account_id,
                    sender_address=obj.sender_address,
                    user=request.user,
                    reason=obj.reason,
                )
            ]
        )
        # What follows, such as the log, is about the entry that was made.
        obj.__dict__.update(made.__dict__)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ConsentEvent], search_term: str
    ) -> tuple[QuerySet[ConsentEvent], bool]:
        """Return the entries of an address in any form, of an erased one too, or those about a message."""
        text = search_term.strip().replace("\0", "")
        if not text:
            return queryset, False
        sid = sid_in(text)
        if sid:
            return queryset.filter(message_sid=sid), False
        keys = {addresses.key(one)[:256] for one in (*addresses_in(text), text)}
        return queryset.filter(address_key__in={one for key in keys for one in (key, *digests_of(key))}), False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list, with links to import and export for who may add."""
        urls = {}
        if self.has_add_permission(request):
            urls = {"import_url": self.url_to("import"), "export_url": self.url_to("export")}
        return super().changelist_view(request, {**(extra_context or {}), **urls})

    @admin.display(description=gettext_lazy("address"))
    def shown_address(self, entry: ConsentEvent) -> str:
        """Return the address, or that it was erased."""
        return isolated(entry.address) if entry.address else _("Erased")

    @admin.display(description=gettext_lazy("sender's address"))
    def shown_sender(self, entry: ConsentEvent) -> str:
        """Return the one sender that an entry counts for."""
        return isolated(entry.sender_address) if entry.sender_address else _("Every sender")

    @admin.display(description=gettext_lazy("counts for"))
    def counts_for(self, entry: ConsentEvent) -> str:
        """Return from whom."""
        account = f" ({entry.account})" if entry.account is not None else ""
        return f"{self.shown_sender(entry)}{account}"
