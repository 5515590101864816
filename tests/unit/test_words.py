"""The managers' screens use the field's words: each thing has one name, and the names that were given up stay away."""

import re
from pathlib import Path

import pytest

import flex_outbound
from flex_outbound.admin.filters import EventTypeFilter
from flex_outbound.outbox.callbacks.events import EventName
from flex_outbound.problems import EVENTS

ROOT = Path(flex_outbound.__file__).parent
FOLDERS = ("admin", "setup", "models", "reports", "templates/admin")
SCREENS = [path for name in FOLDERS for path in (ROOT / name).rglob("*") if path.suffix in (".py", ".html")]

GIVEN_UP = {
    "Look again": "Refresh",
    "Look at Twilio": "Fetch from Twilio",
    "Take over": "Import selected",
    "Taken over": "imported",
    "ticked ones": "Accept selected",
    "Proposed": "Suggested matches",
    "Nobody.": "No results.",
    "rehearsal": "This sends a real message",
    "closings": "cleanup log entries",
    "Opened a second time": "Duplicate",
    "Opened too often": "Duplicates",
    "Without its customer": "Missing participant",
    "what the agent is told": "message shown to the agent",
    "Known to be open": "Confirmed open in Flex",
    "in your own name": "Sends a copy as you",
    "refused callback": "rejected webhook",
    "95 %": "95th percentile",
    "stands in this form": "the values entered below",
}


def said() -> str:
    """Return every text for people on these screens."""
    found = []
    for path in SCREENS:
        text = path.read_text()
        if path.suffix == ".py":
            calls = re.findall(r"(?:_|gettext|gettext_lazy|ngettext)\(\s*((?:\s*\"[^\"]*\",?)+)", text)
            found += ["".join(re.findall(r"\"([^\"]*)\"", call)) for call in calls]
        else:
            found += re.findall(r"translate \"([^\"]*)\"", text)
            found += re.findall(r"blocktranslate[^%]*%\}(.*?)\{%", text, re.S)
    return "\n".join(found)


def test_texts_are_found() -> None:
    texts = said()
    for words in ("Suggested matches", "Missing participant", "Rejected webhooks", "Fetch from Twilio"):
        assert words in texts


@pytest.mark.parametrize("words", GIVEN_UP)
def test_words_that_were_given_up_stay_away(words: str) -> None:
    assert words.lower() not in said().lower(), f"say: {GIVEN_UP[words]}"


def test_every_event_that_is_handled_has_words() -> None:
    assert set(EventName) <= set(EVENTS)
    assert set(EventTypeFilter.KNOWN) <= set(EVENTS)
