"""“Send a test” on a sender's page: it says first what will happen, sends by POST, and follows the test in place."""

from math import ceil
from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponseBase
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from flex_outbound import channels, contexts, timeline
from flex_outbound.admin.pages import Page
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
    """Recipient, worker and text of a test."""

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
        self.fields["address"].label = _label_of(channel)
        self.fields["address"].widget.attrs["autocomplete"] = "off"
        self.fields["body"].help_text = _first_message_help(channel)
        worker: Any = self.fields["worker"]
        worker.choices = [(one.pk, f"{one} ({contexts.name_of(one.user)})") for one in workers]
        if channel is not Channel.EMAIL:
            del self.fields["subject"]


def _label_of(channel: Channel) -> str:
    if channel.is_phone:
        return _("Phone number")
    if channel is Channel.EMAIL:
        return _("Email address")
    return _("Chat identity") if channel.has_identity else _("Messenger id")


def _first_message_help(channel: Channel) -> str:
    if channel is Channel.WHATSAPP:
        return _("WhatsApp lets it through only if this number wrote to the sender within the last 24 hours.")
    return _("If empty, the conversation is opened and nothing is written.")


class SenderTestPage(Page):
    """Says what a test of a sender does, sends one, and shows the last ones."""

    route, name = "<path:object_id>/test/", "test"
    template = "test.html"
    title = gettext_lazy("Send a test")
    permission = "change"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the form."""
        workers = sender_tests.workers_for(request.user, self.object)
        return self._show(workers, TestForm(self.object, workers))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Send a test and come back to follow it; show the form again if it cannot be sent."""
        workers = sender_tests.workers_for(request.user, self.object)
        form = TestForm(self.object, workers, request.POST)
        if form.is_valid() and self._send(form):
            return self.redirect(f"{request.path}#flex-tests")
        return self._show(workers, form)

    def _send(self, form: TestForm) -> bool:
        """Send what the form says; return False, with the error in the form, if it cannot be sent."""
        wait = take_click(self.request.user)
        if wait:
            form.add_error(None, _("Too many at once. Try again in %(seconds)d s.") % {"seconds": ceil(wait)})
            return False
        given = form.cleaned_data
        test = sender_tests.SenderTest(
            self.request.user,
            self.object,
            given["address"],
            given["worker"],
            # Browsers send line breaks as CRLF; the text is compared and sent with plain ones.
            given["body"].replace("\r\n", "\n"),
            given.get("subject", ""),
            given["key"],
        )
        try:
            interaction = sender_tests.send_test(test)
        except ClickError as error:
            field = getattr(error, "field", "")
            form.add_error(field if field in form.fields else None, str(error))
            return False
        # Without the address: the admin's log is read by more people than the interaction.
        self.model_admin.log_change(self.request, self.object, _("Sent a test: %(id)s.") % {"id": interaction.pk})
        self.succeed(_("The test is on its way."))
        return True

    def _show(self, workers: list[Worker], form: TestForm) -> HttpResponseBase:
        sender, user = self.object, self.request.user
        tests = contexts.loaded(sender_tests.tests_of(sender) & visible_to(user))[:SHOWN]
        return self.render(
            status=400 if form.errors else 200,
            media=self.model_admin.media + form.media,
            workers=workers,
            form=form,
            fields=form.visible_fields(),
            is_on=sender.is_active and sender.account.is_active,
            workers_url=link_on(self.model_admin.admin_site, "worker_changelist"),
            # The tests are shown by the timeline of a contact; this is what it takes.
            entries=timeline.entries_of(tests, user),
            contact_type=label_of(Sender),
            contact_id=str(sender.pk),
            contact_name=sender.display_name,
            is_newest=True,
            next=self.request.get_full_path(),
        )
