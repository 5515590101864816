"""A CRM in the middle of a day, and every page of ours in it: what looks at all pages walks this list."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from crm_demo.models import Contact
from flex_outbound.channels import Channel
from flex_outbound.models import Account, Conversation, ImportRun, Interaction, Message, Sender, Worker
from flex_outbound.outbox.enqueue import Click, enqueue
from flex_outbound.sandbox import defaults
from flex_outbound.setup import fetching
from tests.browser.scene_before import BEFORE, BEFORE_IN_ADMIN, furnish
from tests.integration.pages import rows, talk

ADMIN = "/admin/flex_outbound"
COLOURS = ("accent", "on-accent", "ink", "soft", "surface", "wash", "line", "edge")


@dataclass(frozen=True, slots=True)
class Scene:
    """The rows that the pages are about."""

    account: Account
    senders: dict[Channel, Sender]
    agent: User
    contact: Contact
    review: Interaction
    failed: Interaction
    talks: dict[str, Conversation]
    nobodys: Conversation
    letter: Message

    @property
    def contact_page(self) -> str:
        """The address of the contact's page."""
        return str(self.contact.get_absolute_url())

    def compose(self, channel: str) -> str:
        """Return the address of the compose page of a channel."""
        return f"/flex/compose/crm_demo.contact/{channel}/?id={self.contact.pk}&next=/"


def build(account: Account, senders: dict[Channel, Sender], worker: Worker, contact: Contact) -> Scene:
    """Fill the tables: a contact with conversations on each channel, troubles, customers whom nobody knows.

    The agent becomes a superuser, so that one session sees every page.
    """
    agent = worker.user
    assert agent
    User.objects.filter(pk=agent.pk).update(is_staff=True, is_superuser=True)
    Sender.objects.create(
        account=account,
        channel="sms",
        address="+14155550000",
        display_name="Second line",
        queue_sid=defaults.QUEUES["Outbound"],
    )
    others = [
        Contact(full_name="Without any address"),
        *(Contact(full_name=f"Contact {number:02}", mobile=f"+1415555{number:04}") for number in range(30)),
    ]
    for other in others:
        other.save()
    talks = {channel: _talk(senders[Channel(channel)], contact, agent) for channel in ("sms", "whatsapp", "email")}
    letter = _say_everything(talks["sms"], agent)
    furnish(account, senders, agent, contact)
    talk.say(talks["email"], "Dear all", 0, subject="Your order", said_at=timezone.now())
    Conversation.objects.filter(pk=talks["sms"].pk).update(
        inbound=3, last_text="Hello?", last_at=timezone.now(), last_party="customer"
    )
    return Scene(
        account=account,
        senders=senders,
        agent=User.objects.get(pk=agent.pk),
        contact=contact,
        review=_click(agent, others[1], lambda row: rows.ask_for_decision(row, "Nobody knows.")),
        failed=_click(agent, contact, lambda row: rows.fail(row, "Refused"), "email"),
        talks=talks,
        nobodys=_nobodys(account, senders[Channel.WHATSAPP]),
        letter=letter,
    )


def _talk(sender: Sender, contact: Contact, agent: Any) -> Conversation:
    address = "grace@example.com" if sender.channel == "email" else "+14155550123"
    return talk.converse(
        sender.account,
        contact,
        agent,
        channel=sender.channel,
        address=address,
        customer_name="Grace Hopper",
        sender=sender,
        sender_address=sender.address,
        last_inbound_at=timezone.now(),
    )


def _say_everything(room: Conversation, agent: Any) -> Message:
    now = timezone.now()
    files = [talk.file(), talk.file("application/pdf", "invoice.pdf")]
    talk.say(room, "Good morning!", 0, said_at=now - timedelta(days=1))
    letter = talk.say(room, "See the files. " * 200, 1, said_at=now - timedelta(minutes=9), media=files)
    talk.answer(
        room,
        "Of course. " * 200,
        2,
        agent=agent,
        said_at=now - timedelta(minutes=8),
        delivery_status="read",
        media=files[1:],
    )
    talk.answer(
        room,
        "Is this your number?",
        3,
        agent=agent,
        said_at=now - timedelta(minutes=7),
        delivery_status="failed",
        error_reason="not_delivered",
        error_code=30003,
    )
    talk.say(room, "", 4, said_at=now - timedelta(minutes=6), removed_at=now)
    talk.say(room, "No.", 5, said_at=now - timedelta(minutes=5), edited_at=now)
    talk.answer(room, "Waits", None, agent=agent, said_at=now, status="waiting", message_sid=None)
    return letter


def _click(user: Any, contact: Contact, then: Callable[[Interaction], object], channel: str = "sms") -> Interaction:
    row = enqueue(Click(user, "crm_demo.contact", str(contact.pk), channel))
    then(row)
    return Interaction.objects.get(pk=row.pk)


def _nobodys(account: Account, sender: Sender) -> Conversation:
    return Conversation.objects.create(
        pk=uuid.uuid4(),
        account=account,
        channel="whatsapp",
        address="+14155559999",
        customer_name="Eve",
        sender=sender,
        sender_address=sender.address,
        state="active",
        last_at=timezone.now(),
        last_text="My parcel is lost",
        inbound=1,
        read_at=timezone.now(),
        is_unmatched=True,
        last_party="customer",
    )


# --- the pages -----------------------------------------------------------------------------------------------

Open = Callable[[Page, Scene], object]


def go(page: Page, path: str, status: int = 200) -> None:
    """Open an address, which must be the page that is meant and not one that says that there is none."""
    answer = page.goto(path)
    assert answer
    assert answer.status == status, path


def at(path: str) -> Open:
    """Return what opens an address."""
    return lambda page, scene: go(page, path)


def _contact(page: Page, scene: Scene) -> None:
    go(page, scene.contact_page)
    expect(page.get_by_test_id("flex-message").first).to_be_visible()
    for summary in page.locator(".flex-message__details summary").all()[:1]:
        summary.click()


def _undressed(page: Page, scene: Scene) -> None:
    _contact(page, scene)
    page.add_style_tag(content=f":root {{ {' '.join(f'--flex-outbound-{name}: initial;' for name in COLOURS)} }}")


def _shortcuts(page: Page, scene: Scene) -> None:
    _contact(page, scene)
    page.keyboard.press("?")
    expect(page.get_by_test_id("flex-shortcuts")).to_be_visible()


def _composer(channel: str) -> Open:
    def open_it(page: Page, scene: Scene) -> None:
        go(page, scene.contact_page)
        form = page.locator(f"form[data-open][data-channel={channel}]")
        form.locator("summary").first.click()
        form.get_by_test_id("flex-body").fill("It’s ready. " * 20)
        for more in form.locator(".flex-outbound__more > summary").all():
            more.click()

    return open_it


def _list(page: Page, scene: Scene) -> None:
    go(page, "/")
    page.get_by_test_id("flex-email").last.click(force=True)
    page.wait_for_timeout(300)


def _compose_again(page: Page, scene: Scene) -> None:
    go(page, scene.compose("sms"))
    page.get_by_test_id("flex-body").fill("x" * 2000)
    page.get_by_role("button", name="Send SMS").click()
    expect(page.get_by_role("alert")).to_be_visible()


def _answer_again(page: Page, scene: Scene) -> None:
    go(page, scene.contact_page)
    form = page.get_by_test_id("flex-answer-form").first
    form.get_by_test_id("flex-answer-body").evaluate("(area) => { area.value = 'x'.repeat(2000) }")
    form.evaluate("(form) => form.submit()")
    page.wait_for_url("**/answer/")


POST = """([path, fields]) => {
  const form = Object.assign(document.createElement("form"), { method: "post", action: path });
  const token = document.getElementById("flex-outbound-page").dataset.token;
  for (const [name, value] of Object.entries({ csrfmiddlewaretoken: token, ...fields })) {
    form.append(Object.assign(document.createElement("input"), { type: "hidden", name, value }));
  }
  document.body.append(form);
  form.submit();
}"""


def _outcome_again(page: Page, scene: Scene) -> None:
    go(page, scene.contact_page)
    with page.expect_navigation():
        page.evaluate(POST, [f"/flex/interactions/{scene.failed.pk}/outcome/", {"notes": "It is solved. " * 20}])
    expect(page.get_by_test_id("flex-outcome-notes")).to_be_visible()
    expect(page.get_by_role("alert").first).to_contain_text("Choose one of")


def _imported(scene: Scene) -> ImportRun:
    run = ImportRun.objects.create(account=scene.account)
    fetching.fetch(run.pk)
    return run


def _import(page: Page, scene: Scene) -> None:
    _imported(scene)
    go(page, f"{ADMIN}/account/{scene.account.pk}/import/")
    for group in page.locator("#content-main details > summary").all():
        group.click()


def _workers(page: Page, scene: Scene) -> None:
    _imported(scene)
    go(page, f"{ADMIN}/account/{scene.account.pk}/workers/")


def _erase(page: Page, scene: Scene) -> None:
    go(page, f"{ADMIN}/interaction/")
    page.locator("#result_list tbody .action-select").last.check()
    page.locator("select[name=action]").select_option("erase_contacts_of")
    page.locator(".actions button[name=index]").click()


def _ask_again(page: Page, scene: Scene) -> None:
    go(page, "/help/")
    page.get_by_label("Your name").fill("Ann")
    page.get_by_label("Mobile number").fill("12")
    page.get_by_label("How can we help?").fill("My parcel is broken")
    page.get_by_role("button", name="Send").click()
    page.locator(".errorlist").wait_for()


CRM: dict[str, Open] = {
    "list": _list,
    "contact": _contact,
    "contact without colours of the project": _undressed,
    "shortcuts": _shortcuts,
    "composer of SMS": _composer("sms"),
    "composer of WhatsApp": _composer("whatsapp"),
    "composer of email": _composer("email"),
    "decision": lambda page, scene: go(page, f"/contacts/{scene.review.contact_id}/"),
    "inbox": at("/inbox/"),
    "unmatched": at("/flex/unmatched/"),
    "whose": lambda page, scene: go(page, f"/flex/unmatched/{scene.nobodys.conversation_sid}/?q=Grace"),
    "compose": lambda page, scene: go(page, scene.compose("email")),
    "compose with an error": _compose_again,
    "answer with an error": _answer_again,
    "outcome with an error": _outcome_again,
    "media problem": lambda page, scene: go(
        page, f"/flex/media/{scene.letter.pk}/{scene.letter.media[0]['sid']}/", 404
    ),
    "message text": lambda page, scene: go(page, f"/flex/messages/{scene.letter.pk}/text/"),
    "new contact": at("/contacts/new/"),
    "help": at("/help/"),
    "help with an error": _ask_again,
} | BEFORE


def admin_pages() -> Iterator[tuple[str, Open]]:
    """Yield the admin's pages that have markup of ours."""
    yield "index", at(f"{ADMIN}/")
    for name in ("interaction", "conversation", "sender", "account", "worker", "webhookevent", "webhookrefusal"):
        yield f"list of {name}", at(f"{ADMIN}/{name}/")
    yield "dashboard", at(f"{ADMIN}/interaction/dashboard/")
    yield "interaction", lambda page, scene: go(page, f"{ADMIN}/interaction/{scene.failed.pk}/change/")
    for verb in ("confirm", "cancel"):
        yield verb, lambda page, scene, verb=verb: go(page, f"{ADMIN}/interaction/{scene.review.pk}/{verb}/")  # type: ignore[misc]
    yield "history", lambda page, scene: go(page, f"{ADMIN}/interaction/{scene.failed.pk}/history/")
    yield "conversation", lambda page, scene: go(page, f"{ADMIN}/conversation/{scene.talks['sms'].pk}/change/")
    yield "sender to choose", at(f"{ADMIN}/sender/add/")
    yield "sender", lambda page, scene: go(page, f"{ADMIN}/sender/{scene.senders[Channel.SMS].pk}/change/")
    yield "test of a sender", lambda page, scene: go(page, f"{ADMIN}/sender/{scene.senders[Channel.SMS].pk}/test/")
    yield "account", lambda page, scene: go(page, f"{ADMIN}/account/{scene.account.pk}/change/")
    yield "import", _import
    yield "matching", _workers
    yield "callbacks", lambda page, scene: go(page, f"{ADMIN}/account/{scene.account.pk}/callbacks/")
    yield "erasing", _erase
    yield from BEFORE_IN_ADMIN.items()
    yield "contact in the admin", lambda page, scene: go(page, f"/admin/crm_demo/contact/{scene.contact.pk}/change/")


PAGES: dict[str, Open] = CRM | {f"admin: {name}": opener for name, opener in admin_pages()}
