"""What a text costs as SMS, live under the field; the script counts as the server does."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from flex_outbound import segments
from flex_outbound.models import Interaction
from tests.browser.conftest import NewPage
from tests.browser.test_looks import CONTRAST
from tests.unit.test_segments import VECTORS

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.services,
    pytest.mark.usefixtures("senders", "worker"),
]

Shoot = Callable[[Page, str], None]

ALPHABET = (
    list("aZ09 .,\n\r'\"@£ÄñÇΔΞ")
    + list(segments.TWO_UNITS)
    + list("’“”–…•`´ç«»\u00a0\u200b\u2028\u00ad\u200dＡｚ＂ᴀ")
    + list("😀❤❤️👍🏽🇮🇹🏳️‍🌈👨‍👩‍👧‍👦✈♂ё語กिक้")
    + ["\u0301", "\u0303", "\ufe0f", "\U0001f3fb", "\U0001f1e9", "\U000e0067", "👨‍👩‍👧", "n\u0303", "\r\n", "x" * 60]
)
WORDS = "’", "“x” – y", "😀 ’ ç \u200b", "👍🏽", "plain", "a" * 400, "\u0301", "e\u0301\u0301", "❤️"


def random_texts(number: int) -> list[str]:
    chosen = random.Random(20240607)
    return ["".join(chosen.choices(ALPHABET, k=chosen.randint(0, 90))) for _text in range(number)]


def in_browser(page: Page, texts: list[str]) -> Any:
    return page.evaluate(
        """async (texts) => {
          const { count, plain, remedy, why, inWords } = await import(
            document.querySelector('script[src*="segments"]').src);
          return texts.map((text) => {
            const found = count(text);
            const { encoding, characters, units, segments, forcedBy, room, isLong } = found;
            return [encoding, characters, units, segments, forcedBy, room, isLong,
                    plain(text), remedy(text), why(found), inWords(found)];
          });
        }""",
        texts,
    )


def on_server(text: str) -> list[Any]:
    found = segments.count(text)
    sizes = [found.encoding, found.characters, found.units, found.segments, list(found.forced_by)]
    told = [segments.plain(text), segments.remedy(text), segments.why(found), segments.in_words(found)]
    return [*sizes, found.room, found.is_long, *told]


def test_script_and_server_count_the_same(page: Page) -> None:
    signs = [sign for _likeness, some in segments.LIKENESS.items() for sign in some]
    signs += [chr(code) for code in range(0x20, 0x180)] + [chr(code) for code in range(0xFF01, 0xFF61)]
    texts = [vector[0] for vector in VECTORS] + list(WORDS) + signs + random_texts(2000)
    told = in_browser(page, texts)
    for text, found in zip(texts, told, strict=True):
        assert found == on_server(text), ascii(text)


@pytest.fixture
def body(page: Page) -> Locator:
    page.get_by_test_id("flex-composer").first.locator("summary").click()
    return page.get_by_test_id("flex-body").first


@pytest.fixture
def line(page: Page) -> Locator:
    return page.get_by_test_id("flex-segments")


def test_the_line_follows_what_is_typed(page: Page, body: Locator, line: Locator) -> None:
    expect(line).to_be_hidden()
    body.press_sequentially("Hello {you}")
    expect(line.locator("[data-segments-count]")).to_have_text("1 SMS · 13 / 160 · GSM-7")
    body.fill("x" * 161)
    expect(line.locator("[data-segments-count]")).to_have_text("2 SMS · 161 / 306 · GSM-7")
    expect(line.locator("[data-segments-long]")).to_be_hidden()
    body.fill("x" * 321)
    expect(line).to_have_attribute("data-long", "")
    expect(line).to_contain_text("3 SMS · 321 / 459 · GSM-7 Long text: each SMS is billed.")
    body.fill("")
    expect(line).to_be_hidden()


def test_one_click_replaces_what_forced_ucs_2(page: Page, body: Locator, line: Locator) -> None:
    text = "It’s “ready” – man\u0303ana… " + "x" * 60
    body.fill(text)
    expect(line).to_contain_text("2 SMS")
    expect(line).to_contain_text("Because of “’” (right single quotation mark)")
    button = page.get_by_role("button", name="Use plain characters instead: 1 SMS")
    body.press("Tab")
    expect(button).to_be_focused()
    page.keyboard.press("Enter")
    expect(body).to_have_value('It\'s "ready" - mañana... ' + "x" * 60)
    expect(body).to_be_focused()
    expect(button).to_be_hidden()
    expect(line.locator("[data-segments-count]")).to_have_text("1 SMS · 85 / 160 · GSM-7")
    page.keyboard.press("Control+z")
    expect(body).to_have_value(text)
    assert not Interaction.objects.exists()


def test_the_caret_stays_where_it_was(page: Page, body: Locator, line: Locator) -> None:
    body.fill("One… two’s\nthree")
    body.evaluate("(area) => area.setSelectionRange(5, 5)")
    line.get_by_role("button").click()
    page.keyboard.type("!")
    expect(body).to_have_value("One... !two's\nthree")


def test_nothing_is_offered_that_does_not_help(body: Locator, line: Locator) -> None:
    body.fill("It’s 😀")
    expect(line).to_contain_text("Because of “😀” (emoji), “’” (right single quotation mark)")
    expect(line.get_by_role("button")).to_have_count(0)


def test_other_channels_have_no_segments(page: Page) -> None:
    expect(page.locator("textarea[data-flex-segments]")).to_have_count(1)
    for number in (1, 2):
        composer = page.get_by_test_id("flex-composer").nth(number)
        composer.locator("summary").first.click()
        composer.get_by_test_id("flex-body").fill("It’s " + "x" * 400)
        expect(page.get_by_test_id("flex-segments")).to_be_hidden()
        expect(composer).not_to_contain_text("GSM")
        page.keyboard.press("Escape")


def test_a_screen_reader_is_told_what_changes_and_no_more(page: Page, body: Locator, line: Locator) -> None:
    page.clock.install()
    told = line.locator("[data-segments-told]")
    expect(told).to_have_attribute("aria-live", "polite")
    described = str(body.get_attribute("aria-describedby")).split()[-1]
    expect(page.locator(f"[id='{described}']")).to_have_count(1)
    body.press_sequentially("Hello")
    page.clock.run_for(5000)
    expect(told).to_have_text("")
    body.press_sequentially("’")
    page.clock.run_for(500)
    expect(told).to_have_text("")
    page.clock.run_for(500)
    expect(told).to_have_text("1 SMS. Because of “’” (right single quotation mark), an SMS holds only 70 characters.")
    told.evaluate(
        "(region) => { window.changes = 0; new MutationObserver(() => window.changes++)"
        ".observe(region, {childList: true, characterData: true, subtree: true}); }"
    )
    body.press_sequentially(" and more")
    page.clock.run_for(5000)
    assert page.evaluate("window.changes") == 0
    body.fill("Hello")
    page.clock.run_for(5000)
    expect(told).to_have_text("1 SMS")


def test_what_was_sent_leaves_no_line(page: Page, body: Locator, line: Locator) -> None:
    body.fill("Hello")
    expect(line).to_be_visible()
    page.get_by_test_id("flex-send").first.click()
    expect(page.get_by_test_id("flex-status")).to_have_text("SMS: Waiting to be sent")
    page.get_by_test_id("flex-composer").first.locator("summary").click()
    expect(line).to_be_hidden()


def test_any_marked_field_of_the_page_gets_the_line(page: Page, line: Locator) -> None:
    # As another form includes it, also one that comes after the page was loaded.
    page.evaluate(
        """() => {
          const part = document.querySelector("[data-segments-for]").cloneNode(true);
          part.dataset.segmentsFor = "other";
          const area = Object.assign(document.createElement("textarea"), {id: "other"});
          area.dataset.flexSegments = "";
          const form = Object.assign(document.createElement("div"), {className: "flex-outbound"});
          form.append(area, part);
          document.body.append(form);
        }"""
    )
    other = page.locator("#other")
    other.fill("It’s")
    expect(line.last).to_contain_text("1 SMS · 4 / 70 · UCS-2")
    other.evaluate(
        "(area) => { area.dataset.flexSegments = 'off'; area.dispatchEvent(new Event('input', {bubbles: true})); }"
    )
    expect(line.last).to_be_hidden()


@pytest.mark.parametrize("scripted", [True, False])
def test_the_plain_page_says_it_after_an_error(new_page: NewPage, contact: Any, scripted: bool, shoot: Shoot) -> None:
    page = new_page(java_script_enabled=scripted)
    page.goto(f"/flex/compose/crm_demo.contact/sms/?id={contact.pk}")
    page.get_by_test_id("flex-body").fill("It’s\n" + "x" * 200)
    type(contact).objects.filter(pk=contact.pk).update(mobile="+14155550124", phone="+14155550125")
    page.get_by_role("button", name="Send SMS").click()
    expect(page.get_by_test_id("flex-body")).to_contain_text("It’s")
    line = page.get_by_test_id("flex-segments")
    expect(line).to_contain_text("4 SMS · 205 / 268 · UCS-2 Long text: each SMS is billed.")
    expect(line).to_contain_text("Because of “’” (right single quotation mark)")
    expect(line.get_by_role("button")).to_have_count(1 if scripted else 0)
    shoot(page, f"segments-plain-{scripted}")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_and_can_be_read(new_page: NewPage, contact: Any, shoot: Shoot, width: int, scheme: str) -> None:
    page = new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.goto(contact.get_absolute_url())
    page.get_by_test_id("flex-composer").first.locator("summary").click()
    body = page.get_by_test_id("flex-body").first
    line = page.get_by_test_id("flex-segments")
    for name, text in (("short", "Hello"), ("long", "It’s “so” – " + "x" * 330), ("emoji", "👨‍👩‍👧‍👦 ç 語 ё ’")):
        body.fill(text)
        expect(line).to_be_visible()
        shoot(page, f"segments-{scheme}-{width}-{name}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for part in line.locator("p").all():
            assert not part.is_visible() or part.evaluate(CONTRAST) >= 4.5, (scheme, name)
