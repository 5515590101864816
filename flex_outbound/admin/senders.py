"""The admin of senders: the addresses that customers see."""

from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from flex_outbound.admin import badges
from flex_outbound.admin.base import FlexModelAdmin
from flex_outbound.admin.sender_form import SenderForm
from flex_outbound.admin.sender_tests import SenderTestPage
from flex_outbound.admin.sites import link_on
from flex_outbound.channels import ENDED, Channel
from flex_outbound.models import Account, Resource, ResourceKind, Sender

MANY: Final = 12


@admin.register(Sender)
class SenderAdmin(FlexModelAdmin):
    """The addresses that customers see, and where the conversations opened from them go."""

    pages = (SenderTestPage,)
    form = SenderForm
    list_display = ("display_name", "channel", "address", "queue", "allowed_groups", "default", "is_active")
    list_filter = ("channel", "is_default", "is_active")
    list_select_related = ("account",)
    search_fields = ("display_name", "address", "account__name", "groups__name")
    readonly_fields = ("account", "channel")
    fieldsets = (
        (
            None,
            {"fields": ("account", "channel", "address", "display_name", "is_default", "is_active", "allowed_groups")},
        ),
        (
            gettext_lazy("Where its tasks go"),
            {"fields": ("queue_sid", "workflow_sid", "task_channel", "priority", "timeout")},
        ),
    )
    of_emails = (gettext_lazy("Below its emails"), {"fields": ("signature",)})

    class Media:
        css = {"all": (badges.CSS, "flex_outbound/senders.css")}

    def get_fieldsets(self, request: HttpRequest, obj: Sender | None = None) -> Any:
        """Show the signature of a sender of emails."""
        chosen = self._chosen(request) if obj is None else None
        channel = chosen[1] if chosen else obj.channel if obj else ""
        return (*self.fieldsets, self.of_emails) if channel == Channel.EMAIL else self.fieldsets

    def get_queryset(self, request: HttpRequest) -> QuerySet[Sender]:
        """Return senders with the name of their queue and, for the list, their groups: two queries for any number."""
        queues = Resource.objects.filter(
            account=OuterRef("account"), kind=ResourceKind.TASK_QUEUE, sid=OuterRef("queue_sid")
        )
        found: QuerySet[Sender] = super().get_queryset(request).prefetch_related("groups")
        return found.annotate(
            queue_name=Subquery(queues.values("name")[:1]), queue_gone_at=Subquery(queues.values("gone_at")[:1])
        )

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        """Show the account if there are several."""
        shown = self.list_display
        return (*shown[:3], "account", *shown[3:]) if Account.objects.count() > 1 else shown

    def get_list_filter(self, request: HttpRequest) -> tuple[Any, ...]:
        """Offer filters only from ``MANY`` senders on: a handful is easier to read without."""
        return tuple(self.list_filter) if Sender.objects.count() > MANY else ()

    def get_form(
        self, request: HttpRequest, obj: Sender | None = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm]:
        """Return the form for one account and channel."""
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        chosen = self._chosen(request) if obj is None else None
        if chosen:
            form.account, form.channel = chosen
        form.typed = "typed" in request.GET
        return form  # type: ignore[no-any-return]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask for account and channel first: the choices of the form depend on them."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if self._chosen(request) is None:
            return self._choose(request)
        return super().add_view(request, form_url, extra_context)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the form with what is missing at Twilio, and where to import."""
        form = context["adminform"].form
        typed = request.GET.copy()
        typed["typed"] = "1"
        context |= {
            "is_editable": bool(form.fields.keys() - {"allowed_groups"}),
            "import_url": self._import_url(request, form.instance.account_id),
            "typed_url": "" if form.typed or form.resources.is_empty else f"?{typed.urlencode()}",
        }
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Sender, form: ModelForm, change: bool) -> None:
        """Save a sender. A new default replaces the old one, in the same transaction."""
        super().save_model(request, obj, form, change)
        if not obj.is_default:
            return
        others = Sender.objects.filter(account=obj.account_id, channel=obj.channel, is_default=True)
        for other in others.exclude(pk=obj.pk):
            Sender.objects.filter(pk=other.pk).update(is_default=False)
            said = _("“%(new)s” is the default now, in place of “%(old)s”.") % {
                "new": obj.display_name,
                "old": other.display_name,
            }
            self.log_change(request, other, said)
            self.message_user(request, said, messages.INFO)

    @admin.display(description=gettext_lazy("task queue"), ordering="queue_name")
    def queue(self, sender: Any) -> SafeString | str:
        """Return the queue's name, as a warning if the queue is gone from Twilio."""
        if sender.queue_gone_at:
            return badges.badge(badges.BAD, _("%(queue)s: gone from Twilio") % {"queue": sender.queue_name})
        return sender.queue_name or Truncator(sender.queue_sid).chars(9)

    @admin.display(description=gettext_lazy("default"), boolean=True, ordering="is_default")
    def default(self, sender: Sender) -> bool:
        """Tell whether it is its channel's default."""
        return sender.is_default

    @admin.display(description=gettext_lazy("who may use it"))
    def allowed_groups(self, sender: Sender) -> str:
        """Return the groups in words."""
        return ", ".join(sorted(group.name for group in sender.groups.all())) or _("Every agent")

    def _import_url(self, request: HttpRequest, account_id: int) -> str:
        may = request.user.has_perm("flex_outbound.change_account")
        pages = ("account_import", "account_change") if may else ()
        return next(filter(None, (link_on(self.admin_site, page, account_id) for page in pages)), "")

    def _chosen(self, request: HttpRequest) -> tuple[Account, Channel] | None:
        number, channel = request.GET.get("account", ""), request.GET.get("channel", "")
        if channel not in Channel.values or not number.isdecimal() or len(number) > 18:
            return None
        account = Account.objects.filter(pk=int(number)).first()
        return (account, Channel(channel)) if account else None

    def _choose(self, request: HttpRequest) -> TemplateResponse:
        if (ended := request.GET.get("channel", "")) in ENDED:
            self.message_user(request, str(ENDED[ended]), messages.ERROR)
        context = self.page_context(
            request,
            _("Add sender"),
            accounts=Account.objects.all(),
            channels=list(Channel),
            account_url=link_on(self.admin_site, "account_add"),
        )
        return TemplateResponse(request, "admin/flex_outbound/sender/choose.html", context)
