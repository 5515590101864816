"""The words by which customers unsubscribe and subscribe again (vocabulary).

A message counts if the word is alone in it. Case, accents, full-width letters, and signs around the word do not matter.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

from flex_outbound import addresses
from flex_outbound.conf import conf

STOP: Final = "STOP"
START: Final = "START"
HELP: Final = "HELP"
"""What a message says; also the values of Twilio's ``OptOutType``, for which HELP changes nothing."""

TWILIO_STOP: Final = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"})
"""What Twilio takes for STOP by default: https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out"""

FRENCH_STOP: Final = frozenset({"ARRET", "ARRETT", "ARRETE"})
"""French forms that Twilio takes for STOP: https://www.twilio.com/docs/proxy/opt-out-keywords"""

TWILIO_START: Final = frozenset({"START", "YES", "UNSTOP"})
"""What Twilio takes for START: https://help.twilio.com/articles/223134027

It documents no words of other languages. Businesses choose theirs with Advanced Opt-Out, for each Messaging Service;
they are repeated in the settings STOP_WORDS and START_WORDS.
"""

EVERYDAY: Final = frozenset({"CANCEL", "END", "QUIT", "REVOKE", "YES"})
"""Words that may well be the subject of an email about something else."""

LONGEST: Final = 64
"""Characters of a message that may be a keyword. What is longer is not looked at."""

_AROUND: Final = re.compile(r"\A[\W_]+|[\W_]+\Z")
_JOINED: Final = re.compile(r"\s*[-\u2010-\u2015 ]\s*")


def said_in(text: str) -> str:
    """Return STOP or START where a message is one of their words alone, else "".

    "Stop!", "ARRÊT" and "opt-out" count; "please stop" and "STOP?" do not.
    """
    return _meant(_word(text))


def said_in_email(subject: str, body: str) -> str:
    """Return STOP or START where subject or body of an email is one of their words alone, else "".

    Everyday words do not count as a subject, which is seldom meant as an instruction.
    """
    said = said_in(body)
    word = _word(subject)
    return said or ("" if word in EVERYDAY else _meant(word))


def is_word(text: str) -> bool:
    """Tell whether a text can be a keyword: one word, or two that are written as one."""
    return bool(_word(text))


def _word(text: str) -> str:
    if len(text) > LONGEST:
        return ""
    shown = unicodedata.normalize("NFKC", addresses.visible(text, separator=" ")).strip()
    if shown.endswith("?"):
        return ""
    bare = _AROUND.sub("", shown)
    # Of a word that is written in two, as "opt out": more than two are a sentence.
    parts = _JOINED.split(bare)
    return _plain("".join(parts)) if len(parts) <= 2 else ""


def _plain(word: str) -> str:
    """Return a word in capitals, without accents."""
    apart = unicodedata.normalize("NFD", word.casefold())
    return "".join(sign for sign in apart if not unicodedata.combining(sign)).upper()


def _meant(word: str) -> str:
    if not word:
        return ""
    if word in TWILIO_STOP or word in FRENCH_STOP or word in _own(tuple(conf.stop_words)):
        return STOP
    return START if word in TWILIO_START or word in _own(tuple(conf.start_words)) else ""


@lru_cache(maxsize=8)
def _own(words: tuple[str, ...]) -> frozenset[str]:
    """Return a project's own words in the form in which they are compared."""
    return frozenset(found for word in words if (found := _word(word)))
