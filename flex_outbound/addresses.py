"""When two addresses are the same, in the contact's record, at Twilio and as an agent writes them (vocabulary).

Twilio's addresses are opaque text. Only ``+digits``, with or without ``whatsapp:``, is a telephone number; two numbers
that differ by a national rule alone are the same customer. Everything else is compared as text, and text that differs
proves nothing: WhatsApp may show a user's id in place of the number. The identities of chats and the ids of Messenger
are compared as they are written, with their case.
"""

import re
from collections.abc import Iterable
from email.utils import parseaddr
from functools import lru_cache
from typing import Final

import idna

_PREFIX: Final = re.compile(r"(whatsapp|messenger):", re.IGNORECASE)
_NUMBER: Final = re.compile(r"\+[0-9]{6,15}")
_USER_ID: Final = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{6,128}")
_USER_ID_IN_ANY_CASE: Final = re.compile(_USER_ID.pattern, re.IGNORECASE)

_RULES: Final = (
    # Mexico's 1 before mobile numbers, which was given up in 2019; WhatsApp still shows it.
    (re.compile(r"\+521(\d{10})"), r"+52\1"),
    # Argentina's 9 before mobile numbers, which callers from abroad dial.
    (re.compile(r"\+549(\d{10})"), r"+54\1"),
    # Brazil's ninth digit before mobile numbers; WhatsApp leaves it out for older accounts.
    (re.compile(r"\+55([1-9][1-9])9([6-9]\d{7})"), r"+55\1\2"),
)
"""Forms of a number with digits that its country adds, and the form without them, which is the one compared."""

_SPELLINGS: Final = (
    (re.compile(r"\+52(\d{10})"), r"+521\1"),
    (re.compile(r"\+54(\d{10})"), r"+549\1"),
    (re.compile(r"\+55([1-9][1-9])([6-9]\d{7})"), r"+55\g<1>9\2"),
)
"""The way back."""

_SAME_END: Final = 7
"""Two numbers whose last digits agree may be one under a rule that is not known here."""

_INVISIBLE: Final = re.compile(
    # Unicode's default ignorable code points: joiners, direction marks, byte order marks, variation selectors, tags.
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    # The frame of keycaps, the empty Braille cell, and the placeholder of an object that was not copied.
    "\u20e3\u2800\ufffc]"
)
_JOINERS: Final = "\u200c\u200d"
# All separators but the plain space: no-break, thin, figure, ideographic, and those of lines and paragraphs.
_SEPARATORS: Final = re.compile("[\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]")

_BETWEEN_MAILBOXES: Final = re.compile(r"[\s,;|，；、،؛]+")


def visible(text: str, *, separator: str = "", keep: str = "") -> str:
    """Return a text without signs that nobody sees, trimmed.

    ``separator``: takes the place of uncommon white space. ``keep``: invisible signs that stay.
    """
    shown = _INVISIBLE.sub(lambda found: found[0] if found[0] in keep else "", text)
    return _SEPARATORS.sub(separator, shown).strip()


def ascii_domain(domain: str) -> str:
    """Return a domain in lower case, an internationalised one as IDNA 2008 writes it. Raises ValueError."""
    shown = visible(domain)
    if shown.isascii():
        return shown.lower()
    try:
        # Some scripts need joiners between their letters; elsewhere these are remains of a copy.
        return idna.encode(visible(domain, keep=_JOINERS), uts46=True).decode()
    except idna.IDNAError:
        return idna.encode(shown, uts46=True).decode()


def one_mailbox(text: str) -> str:
    """Return an email address without invisible signs and with its domain in ASCII. Raises ValueError for the latter.

    Nothing else is checked. The case of what is before the @ stays as it is written.
    """
    local, at, domain = text.rpartition("@")
    return visible(f"{local}{at}") + ascii_domain(domain)


def mailboxes(text: str) -> list[str]:
    """Return the email addresses of a list, as they are written; nothing where one part of it is none.

    They are apart by signs, lines or spaces. Only the @ is looked for: whether an address is valid is asked of each.
    """
    parts = [part for part in _BETWEEN_MAILBOXES.split(text) if visible(part)]
    return parts if all(part.count("@") == 1 for part in parts) else []


def plain(address: str) -> str:
    """Return an address as Twilio shows it, without the prefix of WhatsApp or Messenger and invisible signs."""
    text = visible(address)
    prefix = _PREFIX.match(text)
    return text[prefix.end() :].strip() if prefix else text


def prefix_of(address: str) -> str:
    """Return the channel that an address is marked with, ``whatsapp`` or ``messenger``; "" for none."""
    found = _PREFIX.match(visible(address))
    return found[1].lower() if found else ""


def has_prefix(address: str) -> bool:
    """Return whether an address is marked as WhatsApp's or Messenger's."""
    return bool(prefix_of(address))


def may_be_address(text: str) -> bool:
    """Return whether a text has the form of a customer's address, so that it is not taken for an agent's identity.

    These are numbers, what is marked as WhatsApp's or Messenger's, and the ids of WhatsApp users who hide the number,
    as ``US.123…``.
    """
    return is_number(text) or has_prefix(text) or _USER_ID.fullmatch(plain(text)) is not None


def is_number(address: str) -> bool:
    """Return whether an address is a telephone number: ``+digits``, with or without WhatsApp's prefix."""
    return _NUMBER.fullmatch(plain(address)) is not None


@lru_cache(maxsize=8192)
def key(address: str) -> str:
    """Return what is equal for all forms of one address, for comparing and never for sending.

    A number without the digits that its country adds; an email address in lower case, its domain in ASCII; the id of a
    WhatsApp user in lower case; any other text without prefix.
    """
    text = plain(address)
    if _NUMBER.fullmatch(text):
        return next((form.sub(short, text) for form, short in _RULES if form.fullmatch(text)), text)
    if "@" in text:
        try:
            return one_mailbox(parseaddr(text)[1] or text).casefold()
        except ValueError:
            pass
        return text.casefold()
    return text.casefold() if _USER_ID_IN_ANY_CASE.fullmatch(text) else text


def same(one: str, other: str) -> bool:
    """Return whether two addresses are the same, in whatever form ``key`` brings together. An empty one never is."""
    return bool(plain(one)) and key(one) == key(other)


def surely_differ(one: str, other: str) -> bool:
    """Return whether two addresses are proven to be of different people: both are numbers, and not alike at the end."""
    return is_number(one) and is_number(other) and key(one)[-_SAME_END:] != key(other)[-_SAME_END:]


def is_among(address: str, present: Iterable[str]) -> bool | None:
    """Return whether an address is among those that Twilio shows, None where it may be there in another form."""
    shown = list(present)
    if any(same(one, address) for one in shown):
        return True
    return False if all(surely_differ(one, address) for one in shown) else None


def spellings(address: str) -> list[str]:
    """Return the forms in which Twilio may keep an address, the given one first."""
    forms = [address, key(address)]
    forms += [short.sub(longer, forms[1]) for short, longer in _SPELLINGS if short.fullmatch(forms[1])]
    return list(dict.fromkeys(forms))
