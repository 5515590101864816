"""Why a callback was refused, in a manager's words, by the code that ``exceptions.WebhookError`` bears."""

from django.utils.translation import gettext as _

from flex_outbound.setup.words import Trouble


def explain_refusal(code: str) -> Trouble:
    """Return what a refusal means and what to do about it; any code may come in."""
    what, todo = _setup(code) or _foreign(code) or _broken(code) or (code, _("Ask whoever runs this server."))
    return Trouble(what, todo)


def _setup(code: str) -> tuple[str, str] | None:
    if code == "signature":
        return _("The signature is wrong"), _(
            "The auth token here is not the account's, or PUBLIC_BASE_URL is not what Twilio calls. If both are right, "
            "somebody else tried."
        )
    if code == "no_auth_token":
        return _("The account has no auth token to verify with"), _("Enter the auth token on the account's page.")
    if code == "no_public_base_url":
        return _("PUBLIC_BASE_URL is not set"), _("Ask whoever runs this server to set it.")
    if code == "no_signature":
        return _("The signature is missing"), _(
            "It was not Twilio; or a proxy in front of this server takes the header X-Twilio-Signature away."
        )
    return None


def _foreign(code: str) -> tuple[str, str] | None:
    if code == "account":
        return _("It was about another account"), _("Compare the account SID on the account's page with Twilio's.")
    if code == "workspace":
        return _("It was about another workspace"), _(
            "Another workspace calls this address: take it out there, or choose that workspace on the account's page."
        )
    if code == "too_old":
        return _("It was too old"), _("Somebody repeated an old callback, or this server's clock is wrong.")
    return None


def _broken(code: str) -> tuple[str, str] | None:
    if code in ("content_type", "duplicate", "malformed", "unreadable", "too_large"):
        what = {
            "content_type": _("It was neither a form nor JSON"),
            "duplicate": _("A parameter came twice"),
            "malformed": _("It could not be read"),
            "unreadable": _("It did not arrive whole"),
            "too_large": _("It was too large"),
        }
        return what[code], _("Twilio does not call so: somebody tried, or a proxy changes requests.")
    return None
