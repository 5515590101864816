"""“Send a test” on a sender's page: what will happen is said first, done by POST, and followed on the same page."""

from math import ceil
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from flex_outbound import channels, contexts
from flex_outbound.admin.sites import link_on
from flex_outbound.channels import Channel
from flex_outbound.contacts import label_of
from flex_outbound.exceptions import ClickError
from flex_outbound.models import Sender, Worker
from flex_outbound.outbox import sender_tests
from flex_outbound.outbox.visible import visible_to
from flex_outbound.rates import take_click

SHOWN: Final = 5


class TestForm(forms.Form):
    """Whom to write to, as whom, and what."""

    __test__ = False  # not one of pytest's
    required_css_class = "required"

    address = forms.CharField(max_length=channels.MAX_EMAIL)
    worker = forms.TypedChoiceField(
        label=gettext_lazy("As the worker"),
        coerce=int,
        help_text=gettext_lazy("In whose Flex the task opens."),
    )
    subject = forms.CharField(label=gettext_lazy("Subject"), required=False, max_length=channels.MAX_SUBJECT)
    body = forms.CharField(
        label=gettext_lazy("First message"),
        required=False,
        max_length=channels.MAX_BODY,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 60}),
    )
    key = forms.CharField(widget=forms.HiddenInput, required=False, max_length=40)

    def __init__(self, sender: Sender, workers: list[Worker], *args: Any, **kwargs: Any) -> None:
        kwargs["initial"] = {
            "key": contexts.new_key(),
            "subject": _("Test"),
            "body": _("This is a test. No need to answer."),
        }
        super().__init__(*args, **kwargs)
        channel = Channel(sender.channel)
        self.fields["address"].label = _("Email address") if channel is Channel.EMAIL else _("Phone number")
        self.fields["address"].widget.attrs["autocomplete"] = "off"
        self.fields["body"].help_text = _said_of_first_message(channel)
        worker: Any = self.fields["worker"]
        worker.choices = [(one.pk, f"{one} ({contexts.name_of(one.user)})") for one in workers]
        if channel is not Channel.EMAIL:
            del self.fields["subject"]


def _said_of_first_message(channel: Channel) -> str:
    if channel is Channel.WHATSAPP:
        return _("WhatsApp lets it through only if this number wrote to the sender within the last 24 hours.")
    return _("Empty: the conversation is opened, and nothing is written.")


class SenderTests(admin.ModelAdmin):
    """An admin of senders that can be tested."""

    def get_urls(self) -> list[URLPattern]:
        """Add the page of tests."""
        test = self.admin_site.admin_view(self.test_view)
        return [path("<path:object_id>/test/", test, name="flex_outbound_sender_test"), *super().get_urls()]

    def test_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """GET: say what a test does, and show the last ones. POST: send one."""
        sender: Sender | None = self.get_object(request, unquote(object_id))
        if not self.has_change_permission(request, sender):
            raise PermissionDenied
        if sender is None:
            raise Http404
        workers = sender_tests.workers_for(request.user, sender)
        form = TestForm(sender, workers, request.POST or None)
        if request.method == "POST" and form.is_valid() and self._send(request, sender, form):
            here = link_on(self.admin_site, "sender_test", quote(sender.pk))
            return HttpResponseRedirect(f"{here}#flex-tests")
        return self._show(request, sender, workers, form)

    def _send(self, request: HttpRequest, sender: Sender, form: TestForm) -> bool:
        wait = take_click(request.user)
        if wait:
            words = _("Too many at once. Try again in %(seconds)d s.") % {"seconds": ceil(wait)}
            form.add_error(None, words)
            return False
        given = form.cleaned_data
        test = sender_tests.SenderTest(
            request.user,
            sender,
            given["address"],
            given["worker"],
            # Browsers send line breaks as CRLF: one test, one text.
            given["body"].replace("\r\n", "\n"),
            given.get("subject", ""),
            given["key"],
        )
        try:
            row = sender_tests.send_test(test)
        except ClickError as error:
            field = getattr(error, "field", "")
            form.add_error(field if field in form.fields else None, str(error))
            return False
        # Its address stands on the row; the log is read by more people.
        self.log_change(request, sender, _("Sent a test: %(row)s.") % {"row": row.pk})
        self.message_user(request, _("The test is on its way."), messages.SUCCESS)
        return True

    def _show(self, request: HttpRequest, sender: Sender, workers: list[Worker], form: TestForm) -> TemplateResponse:
        tests = contexts.loaded(sender_tests.tests_of(sender) & visible_to(request.user))[:SHOWN]
        context = {
            **self.admin_site.each_context(request),
            "title": _("Send a test"),
            "subtitle": str(sender),
            "opts": self.opts,
            "media": self.media + form.media,
            "sender": sender,
            "workers": workers,
            "form": form,
            "fields": form.visible_fields(),
            "is_on": sender.is_active and sender.account.is_active,
            "back": link_on(self.admin_site, "sender_change", quote(sender.pk)),
            "workers_url": link_on(self.admin_site, "worker_changelist"),
            # What the timeline of a contact is given, for it shows the tests.
            "interactions": [contexts.interaction_context(one, request.user) for one in tests],
            "contact_type": label_of(Sender),
            "contact_id": str(sender.pk),
            "contact_name": sender.display_name,
            "page": 1,
            "next": request.get_full_path(),
        }
        template = "admin/flex_outbound/sender/test.html"
        return TemplateResponse(request, template, context, status=400 if form.errors else 200)
