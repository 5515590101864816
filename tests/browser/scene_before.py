"""What an agent meets before a click: templates, saved replies, previews, consent, and who has the customer already."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from crm_demo.models import Contact
from flex_outbound.contacts import adapter_for, content_type_of
from flex_outbound.models import (
    Account,
    ConsentEvent,
    Draft,
    Interaction,
    Presence,
    SavedReply,
    Sender,
    Template,
    Worker,
)
from flex_outbound.outbox import consent
from flex_outbound.outbox.consent import Entry
from flex_outbound.outbox.enqueue import Click, enqueue
from flex_outbound.sandbox import defaults
from tests.integration.pages import talk

if TYPE_CHECKING:
    from tests.browser.scene import Scene

ADMIN = "/admin/flex_outbound"
UNSUBSCRIBED, TAKEN, LEFT = "+14155550701", "+14155550702", "+14155550703"
BY_NAME = {one.name: one.sid for one in defaults.CONTENT_TEMPLATES}

Open = Callable[[Page, "Scene"], object]


def furnish(account: Account, senders: dict[Any, Sender], agent: User, contact: Contact) -> None:
    """Fill in what is offered and in the way before a click, for the contact and for three more."""
    bea = User.objects.create_user("bea.writes", first_name="Bea", last_name="Writer")
    for one in defaults.CONTENT_TEMPLATES:
        Template.objects.create(
            account=account,
            content_sid=one.sid,
            name=one.name,
            language=one.language,
            types=one.types,
            variables=dict(one.variables),
            category=one.category,
            content_type=one.kind,
            whatsapp_status=one.status,
        )
    SavedReply.objects.create(title="Greeting", body="Hello {{contact.name}},\nhow are you?", short_code="hi")
    SavedReply.objects.create(title="On its way", body="{{order.number}} is on its way.", category="Orders")
    SavedReply.objects.create(title="My own", body="See you soon. " * 40, owner=agent, short_code="see")
    refusing, taken, left = (
        Contact.objects.create(full_name=name, mobile=number)
        for name, number in (("Has Unsubscribed", UNSUBSCRIBED), ("Is Taken", TAKEN), ("Was Left", LEFT))
    )
    consent.append([Entry(one, UNSUBSCRIBED, "opted_out", "keyword") for one in ("sms", "whatsapp")])
    consent.append([Entry("email", "someone@example.com", "opted_in", "person", user=agent, reason="By telephone.")])
    talk.say(talk.converse(account, refusing, agent, address=UNSUBSCRIBED, sender=senders["sms"]))
    _begin(senders["sms"], bea, taken, TAKEN, status="active")
    _begin(senders["sms"], bea, left, LEFT, status="closed", channel_status="inactive", finished_at=Now(), next_at=None)
    kind = content_type_of(adapter_for(Contact))
    for user, channel in ((agent, "email"), (bea, "whatsapp")):
        place = {"contact_type": kind, "contact_id": str(contact.pk), "place": channel}
        Draft.objects.create(user=user, values={"body": "Dear Grace"}, updated_at=timezone.now(), **place)


def _begin(sender: Sender, holder: User, contact: Contact, number: str, **state: Any) -> None:
    """Open a conversation with a contact for a colleague."""
    click = Click(Worker.objects.get(is_active=True).user, "crm_demo.contact", str(contact.pk), "sms")
    row = enqueue(click)
    tail = row.pk.hex
    sids = {"interaction_sid": f"KD{tail}", "channel_sid": f"UO{tail}", "task_sid": f"WT{tail}"}
    talked = talk.converse(
        sender.account,
        contact,
        holder,
        address=number,
        sender=sender,
        sender_address=sender.address,
        interaction=row,
    )
    told = {"conversation_sid": talked.conversation_sid, "sent_at": Now(), "opened_at": Now(), "attempt": 1}
    Interaction.objects.filter(pk=row.pk).update(agent=holder, **sids, **told, **state)


# --- the pages --------------------------------------------------------------------------------------------------------


def _page_of(number: str, then: Callable[[Page], object] = lambda page: None) -> Open:
    """Return what opens the page of the contact with a number, and shows what is in its way."""

    def open_it(page: Page, scene: "Scene") -> None:
        page.goto(str(Contact.objects.get(mobile=number).get_absolute_url()))
        then(page)

    return open_it


def _away(page: Page, scene: "Scene") -> None:
    """Find the agent away from Flex, and say so in the open composer, too."""
    now = timezone.now()
    known = {"is_available": False, "activity_name": "Lunch", "activity_at": now, "asked_at": now, "seen_at": now}
    Presence.objects.update_or_create(worker=Worker.objects.get(is_active=True), defaults=known)
    form = _composer(page, scene, "sms")
    expect(page.get_by_test_id("flex-ready").first).to_contain_text("Set your status in Flex")
    expect(form.locator("[data-ready-hint]")).to_contain_text("Or send a message that opens when the customer answers.")


def _panel(page: Page) -> None:
    expect(page.get_by_test_id("flex-open-conversation").first).to_be_visible()
    page.locator("form[data-channel=sms] summary").first.click()


def _composer(page: Page, scene: "Scene", channel: str) -> Locator:
    page.goto(scene.contact_page)
    form = page.locator(f"form[data-open][data-channel={channel}]")
    form.locator("summary").first.click()
    return form


def _replies(page: Page, scene: "Scene") -> None:
    _composer(page, scene, "sms").get_by_test_id("flex-replies").click()
    expect(page.get_by_test_id("flex-reply").first).to_be_visible()


def _picker(page: Page, scene: "Scene") -> Locator:
    form = _composer(page, scene, "whatsapp")
    form.get_by_test_id("flex-template-open").click()
    expect(form.get_by_test_id("flex-template-choice").first).to_be_visible()
    return form


def _picked(name: str) -> Open:
    def open_it(page: Page, scene: "Scene") -> None:
        form = _picker(page, scene)
        form.get_by_test_id("flex-template-choice").filter(has_text=name).click()
        expect(form.get_by_test_id("flex-template-chosen")).to_be_visible()

    return open_it


def _draft(page: Page, scene: "Scene") -> None:
    form = _composer(page, scene, "email")
    expect(form.get_by_test_id("flex-body")).to_have_value("Dear Grace")
    expect(page.get_by_test_id("flex-presence").first).to_be_visible()


def _preview(page: Page, scene: "Scene") -> None:
    form = _composer(page, scene, "email")
    form.get_by_test_id("flex-preview").click()
    expect(form.get_by_test_id("flex-email-preview")).to_be_visible()


PLAIN = """(button) => {
  if (button.hasAttribute("formaction")) button.form.action = button.formAction;
  button.form.submit();
}"""


COPY = """() => {
  const button = document.querySelector("[data-testid=flex-open-ask]");
  const form = button.form.cloneNode(true);
  if (button.hasAttribute("formaction")) form.action = button.formAction;
  return form;
}"""


def _plainly(channel: str, button: str, *, signed_out: bool = False) -> Open:
    """Return what presses a button of a composer as a browser without scripts does."""

    def open_it(page: Page, scene: "Scene") -> None:
        form = _composer(page, scene, channel)
        form.get_by_test_id("flex-body").fill("Dear Grace")
        if signed_out:
            page.context.clear_cookies()
        with page.expect_navigation():
            form.get_by_test_id(button).evaluate(PLAIN)

    return open_it


def _too_late(page: Page, scene: "Scene") -> None:
    """Ask for a conversation that its agent has left since."""
    _page_of(TAKEN, _panel)(page, scene)
    # The page replaces its own whenever it sees a change, so the button is found and copied in one step.
    expect(page.get_by_test_id("flex-open-ask")).to_be_visible()
    form = page.evaluate_handle(COPY)
    Interaction.objects.filter(contact_name="Is Taken").update(
        status="closed", channel_status="inactive", finished_at=Now(), next_at=None
    )
    with page.expect_navigation():
        form.evaluate("(form) => { document.body.append(form); form.submit(); }")


def _at(path: str) -> Open:
    def open_it(page: Page, scene: "Scene") -> None:
        answer = page.goto(path.format(contact=scene.contact.pk, sms=scene.talks["sms"].conversation_sid))
        assert answer
        assert answer.status == 200, path

    return open_it


BEFORE: dict[str, Open] = {
    "picker of templates": _picker,
    "template with media": _picked("delivery_photo"),
    "template with buttons": _picked("summer_tours"),
    "templates": _at("/flex/templates/crm_demo.contact/whatsapp/?id={contact}"),
    "compose with a template": _at(
        f"/flex/templates/crm_demo.contact/whatsapp/{BY_NAME['order_status']}/?id={{contact}}"
    ),
    "saved replies in a composer": _replies,
    "saved replies": _at("/flex/replies/"),
    "saved reply": _at("/flex/replies/new/"),
    "saved replies to choose": _plainly("sms", "flex-replies"),
    "draft beside a colleague": _draft,
    "email in a preview": _preview,
    "preview": _plainly("email", "flex-preview"),
    "signed out": _plainly("sms", "flex-send", signed_out=True),
    "agent away": _away,
    "unsubscribed": _page_of(UNSUBSCRIBED),
    "a colleague's": _page_of(TAKEN, _panel),
    "nobody's": _page_of(LEFT, _panel),
    "too late": _too_late,
    "invite": _at("/flex/conversations/{sms}/invite/"),
    "leave": _at("/flex/conversations/{sms}/leave/"),
}


def _admin(model: str, path: str = "") -> Open:
    return _at(f"{ADMIN}/{model}/{path}")


def _first(model: Any) -> Open:
    def open_it(page: Page, scene: "Scene") -> None:
        _at(f"{ADMIN}/{model._meta.model_name}/{model.objects.order_by('pk')[0].pk}/change/")(page, scene)

    return open_it


def _wrong_file(page: Page, scene: "Scene") -> None:
    _admin("consentevent", "import/")(page, scene)
    lines = b"channel,address,state\nsms,12,opted_out\npigeon,+14155550100,perhaps\n"
    page.locator("input[type=file]").set_input_files({"name": "a.csv", "mimeType": "text/csv", "buffer": lines})
    with page.expect_navigation():
        page.locator("#content-main [type=submit]").last.click()
    expect(page.locator(".errorlist, .errornote, [role=alert]").first).to_be_visible()


BEFORE_IN_ADMIN: dict[str, Open] = {
    "list of consent": _admin("consentevent"),
    "consent": _admin("consentevent", "add/"),
    "entry of consent": _first(ConsentEvent),
    "file of consents": _admin("consentevent", "import/"),
    "wrong file of consents": _wrong_file,
    "list of saved replies": _admin("savedreply"),
    "new saved reply": _admin("savedreply", "add/"),
    "saved reply": _first(SavedReply),
    "list of templates": _admin("template"),
    "template": _first(Template),
}
