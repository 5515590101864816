"""What went wrong with Twilio or with a callback, in a manager's words, and what to do about it (vocabulary)."""

from dataclasses import dataclass
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from flex_outbound.exceptions import ConfigurationError, FlexOutboundError, GatewayError, NotAccepted

DOCS: Final = "https://www.twilio.com/docs/api/errors/"
SDK_PREFIX: Final = "Unable to fetch page: "
"""The SDK puts these words of its own before Twilio's where a list cannot be read."""

TIMEOUTS: Final = frozenset({"ReadTimeout", "ConnectTimeout"})
"""Details of a ``GatewayError`` without an answer are names of Python's exceptions; these are the slow ones."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that a manager has to fix.

    ``summary``: what happened. ``remedy``: what to do. ``detail``: Twilio's own words, "" where there are none.
    ``code``: Twilio's error code, None where it gave none.
    """

    summary: str
    remedy: str
    detail: str = ""
    code: int | None = None

    @property
    def url(self) -> str:
        """Twilio's page on the error, "" where there is no code."""
        return f"{DOCS}{self.code}" if self.code else ""


Words = tuple[Promise, Promise]
"""A summary and a remedy."""

_ENTER_AGAIN = gettext_lazy(
    "Compare the account SID with Twilio's console. Then enter the API key with its secret, or the auth token, "
    "once more; an API key must belong to this very account."
)
_READ_DETAIL = gettext_lazy("Read Twilio's own words below, and check the account's credentials and SIDs on this page.")
_UNUSABLE = gettext_lazy("This account cannot be used as it is set up.")
_UNTYPICAL = gettext_lazy("Twilio does not call like this: somebody tried, or a proxy changes requests.")

# By HTTP status of Twilio's answer.
_ANSWERS: Final[dict[int, Words]] = {
    401: (gettext_lazy("Twilio does not accept these credentials."), _ENTER_AGAIN),
    403: (
        gettext_lazy("Twilio knows these credentials, but they may not do this."),
        gettext_lazy(
            "Give the API key the right to read in Twilio's console (a standard key has it, a restricted one needs "
            "TaskRouter, Conversations, Messaging, Content and Phone Numbers), or use another key."
        ),
    ),
    404: (
        gettext_lazy("Twilio does not have this in the account."),
        gettext_lazy("It was deleted, or belongs to another account. Import from Twilio, and choose again."),
    ),
    429: (
        gettext_lazy("Twilio takes no more requests of this account just now."),
        gettext_lazy("Wait a minute, then try again."),
    ),
}
_SERVER_ERROR: Final = (
    gettext_lazy("Twilio had an internal problem and gave no usable answer."),
    gettext_lazy("Try again in some minutes. If it lasts, check status.twilio.com."),
)
_REFUSED: Final = (
    gettext_lazy("Twilio refused the request."),
    gettext_lazy("Read Twilio's own words, and check the account SID and the key."),
)
_CERTIFICATE: Final = (
    gettext_lazy("The certificate of the server that answered is not Twilio's."),
    gettext_lazy(
        "Ask the administrator of this server to check API_BASE_URL, the proxy and the system's certificates."
    ),
)
_TIMED_OUT: Final = (
    gettext_lazy("Twilio did not answer in time."),
    gettext_lazy("Try again. If it lasts, ask the administrator of this server whether it may reach api.twilio.com."),
)
_UNREACHABLE: Final = (
    gettext_lazy("Twilio could not be reached."),
    gettext_lazy(
        "Ask the administrator of this server to check its network, proxy and firewall, and API_BASE_URL in the "
        "settings."
    ),
)

# By Twilio's error code, of the last request that an account made; several codes are one problem.
_ACCOUNTS: Final[dict[tuple[int, ...], Words]] = {
    (20003, 20006, 20403): (gettext_lazy("Twilio does not accept this account's credentials."), _ENTER_AGAIN),
    (20404,): (
        gettext_lazy("This setup refers to something that does not exist at Twilio, or no longer."),
        gettext_lazy("Compare with Twilio's console: workspace and workflow here, the senders' queues, the workers."),
    ),
    (21606, 50413, 50415, 63007): (
        gettext_lazy("Twilio does not let this account send from one of its senders."),
        gettext_lazy(
            "Check in Twilio's console that the sender's number or address belongs to the account and is enabled for "
            "its channel. Until then, make another sender the default."
        ),
    ),
    (21408,): (
        gettext_lazy("Messages to one of your customers' countries are not enabled."),
        gettext_lazy("Enable the country in Twilio's console, in the geographic permissions of messaging."),
    ),
}
_ACCOUNT_BY_CODE: Final = {code: words for codes, words in _ACCOUNTS.items() for code in codes}

# By ``exceptions.WebhookError.code``.
_REFUSALS: Final[dict[str, Words]] = {
    "signature": (
        gettext_lazy("The signature is wrong"),
        gettext_lazy(
            "The auth token here is not the account's, or PUBLIC_BASE_URL is not what Twilio calls. If both are right, "
            "somebody else tried."
        ),
    ),
    "no_auth_token": (
        gettext_lazy("The account has no auth token to verify with"),
        gettext_lazy("Enter the auth token on the account's page."),
    ),
    "unknown_key": (
        gettext_lazy("It was signed with a shared key that the account does not have"),
        gettext_lazy("Enter the key's id and secret on the account's page."),
    ),
    "no_public_base_url": (
        gettext_lazy("PUBLIC_BASE_URL is not set"),
        gettext_lazy("Ask the administrator of this server to set it."),
    ),
    "no_signature": (
        gettext_lazy("The signature is missing"),
        gettext_lazy("It was not Twilio; or a proxy in front of this server removes the header X-Twilio-Signature."),
    ),
    "secret": (
        gettext_lazy("The secret in the address is wrong"),
        gettext_lazy(
            "Press “Fix” on the page “Callbacks” of the account: the secret changes with this server's SECRET_KEY. If "
            "it is registered already, somebody else tried."
        ),
    ),
    "account": (
        gettext_lazy("It was about another account"),
        gettext_lazy("Compare the account SID on the account's page with Twilio's."),
    ),
    "workspace": (
        gettext_lazy("It was about another workspace"),
        gettext_lazy(
            "Another workspace calls this address. Remove the address there, or choose that workspace on the account's "
            "page."
        ),
    ),
    "too_old": (
        gettext_lazy("It was too old"),
        gettext_lazy("Somebody repeated an old callback, or this server's clock is wrong."),
    ),
    "content_type": (gettext_lazy("It was neither a form nor JSON"), _UNTYPICAL),
    "duplicate": (gettext_lazy("A parameter came twice"), _UNTYPICAL),
    "malformed": (gettext_lazy("It could not be read"), _UNTYPICAL),
    "unreadable": (gettext_lazy("It did not arrive completely"), _UNTYPICAL),
    "too_large": (gettext_lazy("It was too large"), _UNTYPICAL),
}

REFUSALS: Final = {code: summary for code, (summary, _remedy) in _REFUSALS.items()}
"""Why a callback is rejected, in a few words, by the code of its ``WebhookError``."""


def explain(error: FlexOutboundError) -> Problem:
    """Return what an error of a request to Twilio means for the manager who sets up the account."""
    if isinstance(error, GatewayError):
        # Without an answer the detail names a Python exception, which tells a manager nothing.
        detail = error.detail.removeprefix(SDK_PREFIX) if error.http_status else ""
        return _problem(_of_answer(error), detail, error.code)
    if isinstance(error, ConfigurationError):
        return Problem(str(_UNUSABLE), str(error))
    return Problem(_("Something went wrong."), str(error))


def explain_stored(reason: str, code: int | None, http_status: int | None, detail: str) -> Problem:
    """Return the same for an error that was stored by its parts; ``reason`` is "" for a mistake in the setup."""
    if not reason:
        return explain(ConfigurationError(detail))
    if http_status is None:
        return explain(NotAccepted(detail, reason=reason, code=code))
    return explain(GatewayError(detail, reason=reason, code=code, http_status=http_status))


def explain_account(code: int | None) -> Problem:
    """Return what is wrong with an account whose last request Twilio refused with ``code``; None: it was not asked."""
    if code is None:
        return Problem(str(_UNUSABLE), _("See below what is missing or wrong."))
    refused: Words = (gettext_lazy("Twilio refuses what this account asks."), _READ_DETAIL)
    return _problem(_ACCOUNT_BY_CODE.get(code, refused), code=code)


def explain_refusal(code: str) -> Problem:
    """Return why a callback was refused, by the code of its ``WebhookError``; any code may come in."""
    if code not in _REFUSALS:
        return Problem(code, _("Ask the administrator of this server."))
    return _problem(_REFUSALS[code])


def _problem(words: Words, detail: str = "", code: int | None = None) -> Problem:
    summary, remedy = words
    return Problem(str(summary), str(remedy), detail, code)


def _of_answer(error: GatewayError) -> Words:
    status = error.http_status
    if status is None:
        if error.reason == "not_set_up":
            return _CERTIFICATE
        return _TIMED_OUT if error.detail in TIMEOUTS else _UNREACHABLE
    if status >= 500 or status < 300:
        return _SERVER_ERROR
    return _ANSWERS.get(status, _REFUSED)
