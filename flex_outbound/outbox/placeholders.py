"""Placeholders in saved replies and signatures, ``{{contact.name}}``: filled in once, and never sent.

Nothing here knows where a text comes from: what was typed and what was inserted are refused alike while a placeholder
stands in them.
"""

import re
from collections.abc import Mapping
from typing import Final

from django.utils.translation import gettext as _

from flex_outbound.conf import conf
from flex_outbound.exceptions import InvalidClick

LONGEST: Final = 64
"""Characters of a placeholder's name."""

_PLACEHOLDER: Final = re.compile(rf"\{{\{{[ \t]*([\w.-]{{1,{LONGEST}}})[ \t]*\}}\}}")


def names_in(text: str) -> list[str]:
    """Return the names of the placeholders in a text, in lower case and in their order, each once."""
    return list(dict.fromkeys(found[1].lower() for found in _PLACEHOLDER.finditer(text)))


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return a text with its placeholders filled in; those without a value stay. ``values``: by name in lower case.

    A value is text: what looks like a placeholder in it is not filled in a second time.
    """
    return _PLACEHOLDER.sub(lambda found: values.get(found[1].lower()) or found[0], text)


def refuse_unfilled(text: str, field: str) -> None:
    """Raise InvalidClick for a text in which a placeholder stands; it names the first one.

    ``REFUSE_PLACEHOLDERS`` in the settings switches it off, for projects that send such braces on purpose.
    """
    found = _PLACEHOLDER.search(text) if conf.refuse_placeholders else None
    if found is not None:
        words = _("%(placeholder)s is not filled in. Write what belongs there, or delete it.")
        raise InvalidClick(words % {"placeholder": found[0]}, code="unfilled_placeholder", field=field)
