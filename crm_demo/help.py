"""The public page “Ask for help”: a customer asks, and Flex finds an agent. Nobody has to sign in.

It promises nothing that is not committed, takes a form once however often it is sent, and says the same to everybody:
from its answers nobody learns who is a customer.
"""

import hashlib
import math
import time
import uuid
from typing import Any, Final

from django import forms
from django.core import signing
from django.core.cache import cache
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.generic import TemplateView, View

from flex_outbound import interactions
from flex_outbound.channels import Channel
from flex_outbound.exceptions import ClickConflict, InvalidClick

TOPICS: Final = (
    ("order", gettext_lazy("An order")),
    ("return", gettext_lazy("A return")),
    ("invoice", gettext_lazy("An invoice")),
    ("other", gettext_lazy("Something else")),
)

KEY_SALT: Final = "crm_demo.help.key"
SENT_SALT: Final = "crm_demo.help.sent"
VALID_FOR: Final = 24 * 3600
"""Seconds for which a form may be sent after it was shown."""

PER_VISITOR: Final = (20, 3600)
PER_ADDRESS: Final = (5, 3600)
"""How many requests in how many seconds. Behind a proxy, have it set REMOTE_ADDR."""


def new_key() -> str:
    """Return a key for one form: signed, so that nobody makes up another's."""
    return signing.dumps(uuid.uuid4().hex, salt=KEY_SALT)


class HelpForm(forms.Form):
    """What a customer is asked. Of number and email one is enough; where both are given, the number counts."""

    name = forms.CharField(label=gettext_lazy("Your name"), max_length=100)
    phone = forms.CharField(
        label=gettext_lazy("Mobile number"),
        max_length=60,
        required=False,
        help_text=gettext_lazy("We answer by text message."),
    )
    email = forms.EmailField(
        label=pgettext_lazy("help form", "Email"), required=False, help_text=gettext_lazy("Or by email.")
    )
    topic = forms.ChoiceField(label=gettext_lazy("What is it about?"), choices=TOPICS)
    text = forms.CharField(
        label=gettext_lazy("How can we help?"), max_length=2000, widget=forms.Textarea(attrs={"rows": 5})
    )
    key = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, filled_in_by in (("name", "name"), ("phone", "tel"), ("email", "email")):
            self.fields[name].widget.attrs["autocomplete"] = filled_in_by
        self.fields["phone"].widget.input_type = "tel"

    def clean_key(self) -> str:
        """Return the key that was made when the form was shown. Raises ValidationError for any other."""
        try:
            found: str = signing.loads(self.cleaned_data["key"], salt=KEY_SALT, max_age=VALID_FOR)
        except signing.BadSignature as error:
            raise forms.ValidationError("key") from error
        return found

    def clean(self) -> dict[str, Any]:
        """Check that there is a way to answer."""
        values = super().clean() or {}
        if not (values.get("phone") or values.get("email") or {"phone", "email"} & self.errors.keys()):
            self.add_error("phone", _("Give us your mobile number or your email address."))
        return values

    @property
    def channel(self) -> Channel:
        """How the answer comes."""
        return Channel.SMS if self.cleaned_data["phone"] else Channel.EMAIL

    @property
    def address(self) -> str:
        """Where the answer goes."""
        return str(self.cleaned_data["phone"] or self.cleaned_data["email"])


@method_decorator([never_cache, sensitive_post_parameters()], name="dispatch")
class AskForHelp(View):
    """The form, and what became of it."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show the form, with a key of its own."""
        return _form(request, HelpForm(initial={"key": new_key()}))

    @method_decorator(sensitive_variables())
    def post(self, request: HttpRequest) -> HttpResponse:
        """Take a form: “we have your request” is said once it is committed, and never before."""
        form = HelpForm(request.POST)
        if "key" in form.errors:
            return _again(request, form, _("This form is too old. Please send it once more."), 400)
        if not form.is_valid():
            return _form(request, form, 400)
        wait = _take(request, form)
        if wait:
            return _too_many(request, form, wait)
        try:
            _ask(form)
        except InvalidClick as error:
            return _refused(request, form, error)
        except ClickConflict as error:
            return _conflict(request, form, error)
        except DatabaseError:
            words = _("We could not take your request just now. Please send it again in a minute.")
            return _form(request, _with(form, words), 503)
        sent = signing.dumps(form.channel.value, salt=SENT_SALT)
        return HttpResponseRedirect(f"{reverse('crm:help-sent')}?request={sent}")


@method_decorator(never_cache, name="dispatch")
class HelpSent(TemplateView):
    """“We have your request”: only for who comes from a form that was taken."""

    template_name = "crm_demo/help_sent.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Say how the answer comes; lead everybody else to the form."""
        try:
            channel = signing.loads(request.GET.get("request", ""), salt=SENT_SALT, max_age=VALID_FOR)
        except signing.BadSignature:
            return HttpResponseRedirect(reverse("crm:help"))
        return self.render_to_response({"by_text": channel == Channel.SMS})


def _ask(form: HelpForm) -> None:
    values = form.cleaned_data
    interactions.start(
        channel=form.channel.value,
        address=form.address,
        name=values["name"],
        attributes={"topic": values["topic"], "text": values["text"]},
        key=values["key"],
        scope="help",
    )


# -- what is answered --------------------------------------------------------------------------------------------------


def _form(request: HttpRequest, form: HelpForm, status: int = 200) -> HttpResponse:
    return render(request, "crm_demo/help.html", {"form": form}, status=status)


def _with(form: HelpForm, words: str) -> HelpForm:
    form.add_error(None, words)
    return form


def _again(request: HttpRequest, form: HelpForm, words: str, status: int) -> HttpResponse:
    """Show the form as it was filled in, with a new key."""
    data = request.POST.copy()
    data["key"] = new_key()
    renewed = HelpForm(data)
    return _form(request, _with(renewed, words) if renewed.is_valid() else renewed, status)


def _refused(request: HttpRequest, form: HelpForm, error: InvalidClick) -> HttpResponse:
    if error.field == "address" and form.channel is Channel.SMS:
        form.add_error("phone", _("We cannot send text messages to this number. Check it, or give us your email."))
    elif error.field == "address":
        form.add_error("email", _("We cannot write to this address. Check it, please."))
    else:
        # No sender, or none that is set up: nothing that the customer can correct.
        return _form(request, _with(form, _("We cannot take requests just now. Please call us.")), 503)
    return _form(request, form, 400)


def _conflict(request: HttpRequest, form: HelpForm, error: ClickConflict) -> HttpResponse:
    if error.code != "already_open":
        words = _("You have sent this form before, with other words. Send it once more if you want to ask again.")
        return _again(request, form, words, 409)
    return render(request, "crm_demo/help_open.html", {"by_text": form.channel is Channel.SMS}, status=409)


def _too_many(request: HttpRequest, form: HelpForm, wait: float) -> HttpResponse:
    minutes = math.ceil(wait / 60)
    words = _("These were many requests. Please try again in %(minutes)d minutes, or call us.") % {"minutes": minutes}
    answer = _form(request, _with(form, words), 429)
    answer["Retry-After"] = str(math.ceil(wait))
    return answer


# -- how often ---------------------------------------------------------------------------------------------------------


def _take(request: HttpRequest, form: HelpForm) -> float:
    """Count a request; the same one counts once. Returns the seconds until the next is taken, 0.0 where this one is."""
    this = _digest(repr(sorted(form.cleaned_data.items())))
    address = "".join(sign for sign in form.address.casefold() if sign.isalnum())
    limits = ((f"visitor {request.META.get('REMOTE_ADDR', '')}", PER_VISITOR), (f"address {address}", PER_ADDRESS))
    return max(_count(f"help:{_digest(name)}", this, *limit) for name, limit in limits)


def _count(name: str, this: str, most: int, seconds: int) -> float:
    now = time.time()
    kept = {one: at for one, at in cache.get(name, {}).items() if now - seconds < at <= now}
    if this not in kept and len(kept) >= most:
        return float(min(kept.values()) + seconds - now)
    cache.set(name, {this: now, **kept}, seconds)
    return 0.0


def _digest(text: str) -> str:
    """Return what the cache is told: neither an address nor a text."""
    return hashlib.sha256(text.encode()).hexdigest()
