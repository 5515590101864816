"""The address that Twilio is to call us at: PUBLIC_BASE_URL, and whether Twilio could reach it at all."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from flex_outbound.conf import conf
from flex_outbound.models import Account, Source
from flex_outbound.problems import Problem

PRIVATE_NAMES = (".local", ".localhost", ".internal", ".lan", ".home", ".test", ".invalid", ".home.arpa")
"""Top-level names that no public name server knows: RFC 6761, 6762, 8375, and what is in use beside them."""


def problem_of_address(url: str | None, *, in_sandbox: bool) -> Problem | None:
    """Return why Twilio could not call ``url``, None where it can; a sandbox on this machine can call it anywhere."""
    if not url:
        return Problem(
            _("PUBLIC_BASE_URL is not set, so Twilio cannot be told where to call."),
            _("Ask whoever runs this server to set FLEX_OUTBOUND['PUBLIC_BASE_URL'], as https://crm.example.com."),
        )
    if in_sandbox:
        return None
    parts = urlsplit(url)
    if parts.scheme != "https":
        return Problem(
            _("PUBLIC_BASE_URL is not secure: %(url)s.") % {"url": url},
            _("Callbacks name your customers' conversations. Use an address that begins with https://."),
        )
    if _is_private(parts.hostname or ""):
        return Problem(
            _("PUBLIC_BASE_URL is not public: %(url)s.") % {"url": url},
            _("Twilio calls over the internet. Use an address that can be called from there, or a tunnel."),
        )
    return None


def problem_of_public_address() -> Problem | None:
    """Return why Twilio could not call us as we are set up, None where it can."""
    return problem_of_address(conf.public_base_url, in_sandbox=conf.api_base_url is not None)


def callback_url(account: Account, source: Source) -> str:
    """Return where ``source`` is to call for an account, "" where PUBLIC_BASE_URL or the app's urls are missing."""
    try:
        path = reverse(f"flex_outbound:webhook-{source}", args=[account.pk])
    except NoReverseMatch:
        return ""
    return conf.public_url(path) or ""


def _is_private(host: str) -> bool:
    try:
        return not ip_address(host).is_global
    except ValueError:
        name = host.rstrip(".").lower()
        return "." not in name or name.endswith(PRIVATE_NAMES)
