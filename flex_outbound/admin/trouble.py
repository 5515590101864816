"""What is wrong with an account, in an administrator's words, and what to do about it."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from flex_outbound.models import Account

_CREDENTIALS = (20003, 20006, 20403)
_MISSING = (20404,)
_SENDER = (21606, 50413, 50415, 63007)
_COUNTRY = (21408,)


@dataclass(frozen=True, slots=True)
class Trouble:
    """``what`` happened, what ``todo``; ``url``: Twilio's page on the error, "" where there is no code."""

    what: str
    todo: str
    url: str


def trouble_of(account: Account | None) -> Trouble | None:
    """Return an account's trouble, None where it is set up and Twilio took its last request."""
    if account is None:
        return None
    if not account.workspace_sid:
        return Trouble(
            _("The Flex workspace is not chosen yet; nothing can be sent."),
            _("Import from Twilio, and choose one from the list."),
            "",
        )
    if account.problem_at is None:
        return None
    what, todo = _words(account.problem_code)
    url = f"https://www.twilio.com/docs/api/errors/{account.problem_code}" if account.problem_code else ""
    return Trouble(what, todo, url)


def _words(code: int | None) -> tuple[str, str]:
    if code in _CREDENTIALS:
        return _("Twilio does not accept this account's credentials."), _(
            "Compare the account SID with Twilio's console. Then enter the API key with its secret, or the auth token, "
            "once more; an API key must belong to this very account."
        )
    if code in _MISSING:
        return _("Something that this setup names does not exist at Twilio (any more)."), _(
            "Compare with Twilio's console: workspace and workflow here, the queues of the senders, the workers."
        )
    if code in _SENDER:
        return _("Twilio does not let this account send from one of its senders."), _(
            "Check in Twilio's console that the sender's number or address belongs to the account and is enabled for "
            "its channel. Until then, make another sender the default."
        )
    if code in _COUNTRY:
        return _("Messages to one of your customers' countries are not enabled."), _(
            "Enable the country in Twilio's console, in the geographic permissions of messaging."
        )
    if code is None:
        return _("This account cannot be used as it is set up."), _("What is missing or wrong stands below.")
    return _("Twilio refuses what this account asks."), _(
        "Read Twilio's own words below, and check the account's credentials and SIDs on this page."
    )
