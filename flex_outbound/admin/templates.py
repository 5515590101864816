"""The admin of content templates: what Twilio listed, whether agents are offered it, and what fills its variables."""

from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import FieldDoesNotExist
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from flex_outbound import contents, picking
from flex_outbound.admin import badges
from flex_outbound.admin.base import FlexModelAdmin
from flex_outbound.admin.filters import NamedValuesFilter
from flex_outbound.admin.pages import Page
from flex_outbound.contacts import registered
from flex_outbound.exceptions import FlexOutboundError
from flex_outbound.models import Account, Template
from flex_outbound.models.template import APPROVED
from flex_outbound.problems import explain
from flex_outbound.setup import templates

SOURCE: Final = "source_"
_BAD: Final = frozenset({"rejected", "paused", "disabled"})

_STATUSES: Final = {
    "unsubmitted": gettext_lazy("Not submitted"),
    "received": gettext_lazy("Submitted"),
    "pending": gettext_lazy("In review"),
    "approved": gettext_lazy("Approved"),
    "rejected": gettext_lazy("Rejected"),
    "paused": gettext_lazy("Paused"),
    "disabled": pgettext_lazy("a template", "Disabled"),
}


def _status_label(status: str) -> str:
    return str(_STATUSES.get(status, status) or _STATUSES["unsubmitted"])


class StatusFilter(NamedValuesFilter):
    """By the state of WhatsApp's approval."""

    label = staticmethod(_status_label)


class CategoryFilter(NamedValuesFilter):
    """By WhatsApp's category."""

    label = staticmethod(picking.category_label)


class LanguageFilter(NamedValuesFilter):
    """By the language that the template is written in."""

    label = staticmethod(picking.language_label)


class SyncPage(Page):
    """*Sync now*: reads the templates of every active account. Apart from Django's list, which is in a transaction."""

    route, name = "sync/", "sync"
    title = gettext_lazy("Sync now")
    permission = "change"
    calls_twilio = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Read, say for each account what came of it, and go back to the list."""
        accounts = Account.objects.filter(is_active=True)
        if not accounts:
            self.say(messages.WARNING, _("There is no active Twilio account."))
        for account in accounts:
            self._sync(account)
        return self.redirect(self.model_admin.url_to("changelist"))

    def _sync(self, account: Account) -> None:
        try:
            synced = templates.sync(account)
        except FlexOutboundError as error:
            problem = explain(error)
            words = _("%(account)s: nothing was changed. %(summary)s %(remedy)s")
            values = {"account": account, "summary": problem.summary, "remedy": problem.remedy}
            self.say(messages.ERROR, words % values)
            return
        words = _("%(account)s: %(total)d templates (%(new)d new, %(changed)d changed, %(gone)d gone).")
        counts = {"total": synced.total, "new": synced.new, "changed": synced.changed, "gone": synced.gone}
        said = words % {"account": account, **counts}
        # The log of a model admin takes any object.
        self.model_admin.log_change(self.request, account, said)
        self.succeed(said)


class TemplateForm(forms.ModelForm):
    """A template, with one field for each of its variables. ``sources`` is made of these."""

    class Meta:
        model = Template
        fields = ("is_active",)

    def clean(self) -> dict[str, Any]:
        """Refuse what no registered kind of contact has."""
        cleaned = super().clean() or {}
        for name in self.fields:
            field = cleaned.get(name) if name.startswith(SOURCE) else ""
            if field and not _has(field):
                words = _("No kind of contact has “%(field)s”. There are, for example: %(known)s.")
                self.add_error(name, words % {"field": field, "known": ", ".join(known_fields()[:20])})
        return cleaned

    def save(self, commit: bool = True) -> Any:
        """Save the choice."""
        given = {name.removeprefix(SOURCE): self.cleaned_data[name] for name in self.fields if name.startswith(SOURCE)}
        self.instance.sources = {name: field for name, field in given.items() if field}
        return super().save(commit)


def known_fields() -> list[str]:
    """Return the names of the fields of all kinds of contacts."""
    return sorted({field.name for model in registered() for field in model._meta.concrete_fields})


def _has(name: str) -> bool:
    """Tell whether some kind of contact has a field, or a property or method, that a value can be read from."""
    return any(_is_readable(model, name) for model in registered())


def _is_readable(model: Any, name: str) -> bool:
    if "password" in name.lower():
        # Of a project whose contacts are users: every agent would see it.
        return False
    try:
        return bool(model._meta.get_field(name).concrete)
    except FieldDoesNotExist:
        found = getattr(model, name, None)
        return not name.startswith("_") and (isinstance(found, property) or callable(found))


@admin.register(Template)
class TemplateAdmin(FlexModelAdmin):
    """The templates of all accounts. Only what Twilio does not know is edited here."""

    pages = (SyncPage,)
    form = TemplateForm
    change_list_template = "admin/flex_outbound/template/change_list.html"
    list_display = ("name", "language_name", "category_name", "approval", "is_active", "account")
    list_display_links = ("name",)
    list_filter = (
        ("whatsapp_status", StatusFilter),
        ("category", CategoryFilter),
        ("language", LanguageFilter),
        "is_active",
        "account",
    )
    list_select_related = ("account",)
    search_fields = ("name", "content_sid")
    readonly_fields = (
        "account",
        "name",
        "content_sid",
        "language_name",
        "category_name",
        "approval",
        "shown",
        "seen_at",
    )

    class Media:
        css = {"all": (badges.CSS, "flex_outbound/flex-outbound.css", "flex_outbound/templates.css")}

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: templates are made in Twilio's console."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: the next sync would bring it back."""
        return False

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Return the form with a field for each variable of this template."""
        fields = {f"{SOURCE}{name}": _source_field(obj, name) for name in _variables(obj)}
        made = type("TemplateForm", (TemplateForm,), fields)
        return super().get_form(request, obj, change=change, **{**kwargs, "form": made})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show what Twilio says, then what is chosen here."""
        chosen = [f"{SOURCE}{name}" for name in _variables(obj)]
        words = _("Names of fields or properties of the contact. The agent sees the values and can change them.")
        fieldsets: list[Any] = [
            (None, {"fields": (*self.readonly_fields, "is_active")}),
        ]
        if chosen and self.has_change_permission(request, obj):
            fieldsets.append((_("Filled from the contact"), {"fields": chosen, "description": words}))
        return fieldsets

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list, when it was read, and the button that reads it again."""
        extra = {
            "accounts": Account.objects.filter(is_active=True),
            "may_sync": self.has_change_permission(request),
            "sync_url": self.url_to("sync"),
        }
        return super().changelist_view(request, {**extra, **(extra_context or {})})

    @admin.display(description=gettext_lazy("language"), ordering="language")
    def language_name(self, template: Template) -> str:
        """Return the language in words."""
        return picking.language_label(template.language)

    @admin.display(description=gettext_lazy("category"), ordering="category")
    def category_name(self, template: Template) -> str:
        """Return the category in words."""
        return picking.category_label(template.category)

    @admin.display(description=gettext_lazy("approval by WhatsApp"), ordering="whatsapp_status")
    def approval(self, template: Template) -> SafeString:
        """Return the state of the approval in words and colour, and why it was rejected."""
        if template.gone_at is not None:
            return badges.badge(badges.BAD, _("Gone from Twilio"))
        status = template.whatsapp_status
        is_good, is_bad = status == APPROVED, status in _BAD
        tone = badges.GOOD if is_good else badges.BAD if is_bad else badges.WAIT
        found = badges.badge(tone, _status_label(status))
        return format_html("{} {}", found, template.rejection_reason) if template.rejection_reason else found

    @admin.display(description=gettext_lazy("what the customer sees"))
    def shown(self, template: Template) -> SafeString:
        """Return a preview of each type, with the samples in it."""
        return render_to_string("admin/flex_outbound/template/preview.html", {"previews": picking.previews(template)})


def _variables(template: Template | None) -> list[str]:
    """Return the names of a template's variables, whatever type they are in."""
    if template is None:
        return []
    names: dict[str, str] = {}
    for kind, given in template.types.items():
        names |= contents.variables_in(kind, given)
    return list(names)


def _source_field(template: Template, name: str) -> forms.CharField:
    sample = template.variables.get(name, "")
    return forms.CharField(
        label=_("Variable %(name)s") % {"name": name},
        required=False,
        max_length=100,
        initial=template.sources.get(name, ""),
        help_text=_("Sample: %(sample)s") % {"sample": sample} if sample else "",
    )
