"""What went wrong with Twilio while something was set up, in a manager's words, and what to do about it."""

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from flex_outbound.exceptions import ConfigurationError, FlexOutboundError, GatewayError, NotAccepted

TIMEOUTS: Final = frozenset({"ReadTimeout", "ConnectTimeout"})
SDK_PREFIX: Final = "Unable to fetch page: "
"""Of every failed list: the SDK's words, not Twilio's."""

DOCS: Final = "https://www.twilio.com/docs/api/errors/"


@dataclass(frozen=True, slots=True)
class Trouble:
    """``what`` happened, what ``todo``; ``said``: Twilio's own words; ``code``: Twilio's, None where it gave none."""

    what: str
    todo: str
    said: str = ""
    code: int | None = None

    @property
    def url(self) -> str:
        """Twilio's page on the error, "" where there is no code."""
        return f"{DOCS}{self.code}" if self.code else ""


def explain(error: FlexOutboundError) -> Trouble:
    """Return what an error of a read at Twilio means for who sets up the account."""
    if isinstance(error, GatewayError):
        what, todo = _of_gateway(error)
        # Without an answer the detail is a Python class: of no use to a manager, and the words say it all.
        said = error.detail.removeprefix(SDK_PREFIX) if error.http_status else ""
        return Trouble(what, todo, said, error.code)
    if isinstance(error, ConfigurationError):
        return Trouble(_("This account cannot be used as it is set up."), str(error))
    return Trouble(_("Something went wrong."), str(error))


def explain_stored(reason: str, code: int | None, http_status: int | None, detail: str) -> Trouble:
    """Return the same for an error that was kept in a row; ``reason`` is "" for a mistake in the set-up."""
    if not reason:
        return explain(ConfigurationError(detail))
    if http_status is None:
        return explain(NotAccepted(detail, reason=reason, code=code))
    return explain(GatewayError(detail, reason=reason, code=code, http_status=http_status))


def _of_gateway(error: GatewayError) -> tuple[str, str]:
    status = error.http_status
    if status is None:
        return _unanswered(error)
    if status == 401:
        return _("Twilio does not accept these credentials."), _(
            "Compare the account SID with Twilio's console. Then enter the API key with its secret, or the auth token, "
            "once more; an API key must belong to this very account."
        )
    if status == 403:
        return _("Twilio knows these credentials, but they may not do this."), _(
            "Give the API key the right to read in Twilio's console (a standard key has it, a restricted one needs "
            "TaskRouter, Conversations, Messaging, Content and Phone Numbers), or use another key."
        )
    if status == 404:
        return _("Twilio does not have this in the account."), _(
            "It was deleted, or belongs to another account. Import from Twilio, and choose anew."
        )
    if status == 429:
        return _("Twilio takes no more requests of this account just now."), _("Wait a minute, then try again.")
    if status >= 500 or status < 300:
        return _("Twilio has trouble of its own and gave no usable answer."), _(
            "Try again in some minutes. If it lasts, look at status.twilio.com."
        )
    return _("Twilio refused the request."), _("Read Twilio's own words, and check the account SID and the key.")


def _unanswered(error: GatewayError) -> tuple[str, str]:
    if error.reason == "not_set_up":
        return _("The certificate of the server that answered is not Twilio's."), _(
            "Ask whoever runs this server to check API_BASE_URL, the proxy and the system's certificates."
        )
    if error.detail in TIMEOUTS:
        return _("Twilio did not answer in time."), _(
            "Try again. If it lasts, ask whoever runs this server whether it may reach api.twilio.com."
        )
    return _("Twilio could not be reached."), _(
        "Ask whoever runs this server to check its network, proxy and firewall, and API_BASE_URL in the settings."
    )
