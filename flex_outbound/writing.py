"""What pages and API show of drafts, and of colleagues who write to the same customer: descriptions and words."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from flex_outbound.current import isolated, local
from flex_outbound.outbox import drafts
from flex_outbound.outbox.drafts import Keys, Shown, Writers
from flex_outbound.outbox.texts import name_of

_DIGITS: Final = 16


def writing_context(user: Any, names: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``_writing.html`` needs: where the drafts for a contact are, and for whom the page was made.

    ``names``: as ``contexts.identify`` returns them.
    """
    place = [names["contact_type"], names["contact_id"]]
    return {"drafts_url": reverse("flex_outbound:contact-drafts", args=place), "writer": key_of(user)}


def key_of(user: Any) -> str:
    """Return a text by which a page knows its user again, and which says nothing about them; "" for nobody."""
    if user.pk is None:
        return ""
    return salted_hmac("flex_outbound.writing", str(user.pk), algorithm="sha256").hexdigest()[:_DIGITS]


def describe(user: Any, contact: Keys) -> dict[str, Any]:
    """Return a user's drafts for a contact, and which colleagues are there: the answer of the API."""
    return {
        "user": key_of(user),
        "drafts": [describe_draft(one) for one in drafts.drafts_of(user, contact)],
        **describe_writers(drafts.writers(user, contact)),
    }


def describe_draft(draft: Shown) -> dict[str, Any]:
    """Return a draft for its user."""
    return {
        "place": draft.place,
        "channel": draft.channel,
        "is_open": draft.is_open,
        "version": draft.version,
        "values": dict(draft.values),
    }


def describe_writers(found: Writers) -> dict[str, Any]:
    """Return who is writing and who has just written, as sentences; "" for nobody. Two names are read at most."""
    writing, written = list(found.writing), found.written
    wanted = [*writing[:1], *([written[0]] if written and written[0] is not None else [])]
    names = _names(wanted)
    return {
        "writing": _writing(writing, names),
        "writing_count": len(writing),
        "written": _written(names.get(written[0], "")) if written else "",
        "written_at": local(written[1]) if written else None,
    }


def _names(keys: Sequence[Any]) -> dict[Any, str]:
    if not keys:
        return {}
    found = get_user_model()._base_manager.in_bulk(list(set(keys)))
    return {key: isolated(name_of(user)) for key, user in found.items()}


def _writing(writing: Sequence[Any], names: Mapping[Any, str]) -> str:
    if not writing:
        return ""
    name, others = names.get(writing[0]) or _("A colleague"), len(writing) - 1
    if not others:
        return _("%(name)s is writing to this customer.") % {"name": name}
    words = ngettext(
        "%(name)s and %(count)d other are writing to this customer.",
        "%(name)s and %(count)d others are writing to this customer.",
        others,
    )
    return words % {"name": name, "count": others}


def _written(name: str) -> str:
    return _("%(name)s has just written to this customer.") % {"name": name or _("A colleague")}
