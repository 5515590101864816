"""What an agent may write: subject, copies, first message, template. Each refusal names its field."""

import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from flex_outbound import addresses, channels, contents
from flex_outbound.channels import AddressError, Channel
from flex_outbound.exceptions import InvalidClick
from flex_outbound.outbox.placeholders import refuse_unfilled
from flex_outbound.sids import SidKind, is_sid

MAX_COPIES = 10
"""Addresses in each of the three fields of an email. A conversation takes 50 participants of its kind at most."""
MAX_KEY = 64
_KEY = re.compile(r"[!-~]+\Z")
_ADDRESS = re.compile(r'(?!\s)(?:"[^"\n]*"|[^,;<"\n])*<[^<>\n]*>|[^\s,;]+')
_LONGEST_LIST = (MAX_COPIES + 1) * 600
"""Characters of a field with addresses that are read: more than the allowed number can take, with their names."""
_IN_BRACKETS = re.compile(r"<([^<>]*)>\s*\Z")


def _clean(text: str, field: str, longest: int) -> str:
    if "\x00" in text:
        raise InvalidClick(_("This text contains a null character. Remove it."), code="null_character", field=field)
    if len(text) > longest:
        raise InvalidClick(
            _("This is %(length)d characters long; at most %(longest)d are allowed.")
            % {"length": len(text), "longest": longest},
            code="too_long",
            field=field,
        )
    return text


def idempotency_key(key: str) -> str:
    """Check an idempotency key: up to 64 printable ASCII characters without spaces."""
    if key and not _KEY.match(key):
        raise InvalidClick(
            _("A key is made of printable ASCII characters without spaces."),
            code="invalid_key",
            field="idempotency_key",
        )
    return _clean(key, "idempotency_key", MAX_KEY)


def subject(text: str, channel: Channel) -> str:
    """Check an email's subject: one line, up to 256 characters; refused for the other channels."""
    text = text.strip()
    if text and channel is not Channel.EMAIL:
        raise InvalidClick(_("Only an email has a subject."), code="not_email", field="subject")
    if "\n" in text or "\r" in text:
        raise InvalidClick(_("A subject is one line."), code="line_break", field="subject")
    refuse_unfilled(text, "subject")
    return _clean(text, "subject", channels.MAX_SUBJECT)


def recipients(
    address: str, to: Sequence[str], cc: Sequence[str], bcc: Sequence[str], channel: Channel
) -> tuple[list[str], list[str], list[str]]:
    """Check who else gets an email and normalise their addresses; refused for the other channels.

    ``address``: the contact's, normalised. Nobody is named twice: ``to`` comes first, then ``cc``.
    """
    seen = {addresses.key(address)}
    found: list[list[str]] = []
    for field, given in (("to", to), ("cc", cc), ("bcc", bcc)):
        if given and channel is not Channel.EMAIL:
            raise InvalidClick(_("Only an email can have further recipients."), code="not_email", field=field)
        if len(given) > MAX_COPIES:
            words = _("At most %(most)d addresses are allowed here.") % {"most": MAX_COPIES}
            raise InvalidClick(words, code="too_many", field=field)
        new: list[str] = []
        for one in _emails(given, field):
            if addresses.key(one) not in seen:
                seen.add(addresses.key(one))
                new.append(one)
        found.append(new)
    return found[0], found[1], found[2]


def several(text: str) -> tuple[str, ...]:
    """Return the addresses in a field, apart by commas, semicolons, spaces or lines; of ``Ann <ann@…>`` the address.

    No more than one too many is read: a long text is refused by its number alone.
    """
    lines = (" ".join(line.split()) for line in text.split("\n"))
    # Without its blanks in rows: the pattern would try each of them.
    short = "\n".join(line for line in lines if line)[:_LONGEST_LIST]
    found = (bare(one[0]) for one in _ADDRESS.finditer(short))
    return tuple(islice((one for one in found if one), MAX_COPIES + 1))


def bare(address: str) -> str:
    """Return an address without the name that a mail program writes before it."""
    inner = _IN_BRACKETS.search(address)
    return (inner[1] if inner else address).strip()


def _emails(given: Sequence[str], field: str) -> list[str]:
    """Normalise addresses. Raises InvalidClick, which names those that are wrong."""
    found: list[str] = []
    wrong: dict[str, AddressError] = {}
    for address in given:
        try:
            found.append(channels.normalize(Channel.EMAIL, bare(address)))
        except AddressError as error:
            wrong[address[:80]] = error
    if wrong:
        first = next(iter(wrong.values()))
        raise InvalidClick(f"{', '.join(wrong)}: {first}", code=first.code, field=field)
    return found


def body(text: str) -> str:
    """Check a text: up to 1,600 characters, no placeholder left in it; white space alone is no text."""
    refuse_unfilled(text, "body")
    return _clean(plain(text), "body", channels.MAX_BODY)


def plain(text: str) -> str:
    """Return a text with one kind of line end; white space alone is no text."""
    return text.replace("\r\n", "\n") if text.strip() else ""


def template(content_sid: str, variables: Mapping[str, str], channel: Channel) -> str:
    """Check a content template and its variables, whatever is known of it; returns its SID or ""."""
    if content_sid and not is_sid(content_sid, SidKind.CONTENT):
        raise InvalidClick(_("A template's SID starts with HX."), code="invalid_sid", field="content_sid")
    if content_sid and not channel.is_phone:
        raise InvalidClick(_("Templates are for SMS and WhatsApp."), code="not_phone", field="content_sid")
    if variables and not content_sid:
        raise InvalidClick(
            _("Variables need a template."), code="variables_without_template", field="content_variables"
        )
    for name, value in variables.items():
        _clean(name, "content_variables", 64)
        _check_value(name, value)
    return content_sid


_VALUE_WORDS: Final = {
    "line_break": gettext_lazy("The value for “%(name)s” has a line break. Write it on one line."),
    "tab": gettext_lazy("The value for “%(name)s” has a tab. Write a space instead."),
    "spaces": gettext_lazy("The value for “%(name)s” has more than four spaces in a row. Take some out."),
    "null_character": gettext_lazy("The value for “%(name)s” contains a null character. Remove it."),
    "too_long": gettext_lazy("The value for “%(name)s” is too long: at most %(longest)d characters are allowed."),
}
"""What WhatsApp refuses in a variable, by the code of ``contents.problem_of``."""


def _check_value(name: str, value: str) -> None:
    code = contents.problem_of(value)
    if code:
        words = _VALUE_WORDS[code] % {"name": name, "longest": channels.MAX_BODY}
        raise InvalidClick(words, code=code, field="content_variables", item=name)


def name_of(user: Any) -> str:
    """Return an agent's name for other agents, whatever the project's user model has; empty where the user is gone."""
    if user is None:
        return ""
    full_name = getattr(user, "get_full_name", str)()
    return str(full_name or user.get_username())
