"""The address for Twilio's callbacks, made from PUBLIC_BASE_URL, and whether Twilio can reach it."""

from ipaddress import ip_address
from urllib.parse import urlsplit

from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from flex_outbound import hook_secrets
from flex_outbound.conf import conf
from flex_outbound.models import Account, Source
from flex_outbound.problems import Problem

PRIVATE_NAMES = (".local", ".localhost", ".internal", ".lan", ".home", ".test", ".invalid", ".home.arpa")
"""Top-level domains without public name servers: RFC 6761, 6762, 8375, and those that are commonly used."""


def problem_of_address(url: str | None, *, in_sandbox: bool) -> Problem | None:
    """Return why Twilio cannot call ``url``, None where it can. A sandbox on this machine can call any address."""
    if not url:
        return Problem(
            _("PUBLIC_BASE_URL is not set, so Twilio cannot be told where to call."),
            _(
                "Ask the administrator of this server to set FLEX_OUTBOUND['PUBLIC_BASE_URL'], as https://crm.example.com."
            ),
        )
    if in_sandbox:
        return None
    parts = urlsplit(url)
    if parts.scheme != "https":
        return Problem(
            _("PUBLIC_BASE_URL is not secure: %(url)s.") % {"url": url},
            _("Callbacks contain SIDs of your customers' conversations. Use an address that begins with https://."),
        )
    if _is_private(parts.hostname or ""):
        return Problem(
            _("PUBLIC_BASE_URL is not public: %(url)s.") % {"url": url},
            _("Twilio calls over the internet. Use an address that can be called from there, or a tunnel."),
        )
    return None


def problem_of_public_address() -> Problem | None:
    """Return why Twilio cannot call PUBLIC_BASE_URL, None where it can."""
    return problem_of_address(conf.public_base_url, in_sandbox=conf.api_base_url is not None)


def callback_url(account: Account, source: Source) -> str:
    """Return the address for one service and account, "" where PUBLIC_BASE_URL or the app's urls are missing.

    Below ``i18n_patterns`` an address names a language. It is always the project's own language.
    """
    with override(settings.LANGUAGE_CODE):
        return _callback_url(account, source)


def callback_urls(account: Account, source: Source) -> set[str]:
    """Return the same address as it reads in each language of the project: all of them lead to our view."""
    found = set()
    for language, _name in settings.LANGUAGES:
        with override(language):
            found.add(_callback_url(account, source))
    return found


def _callback_url(account: Account, source: Source) -> str:
    try:
        path = reverse(f"flex_outbound:webhook-{source}", args=[account.pk])
    except NoReverseMatch:
        return ""
    url = conf.public_url(path) or ""
    # Twilio does not document that it signs the events of interactions.
    return hook_secrets.with_secret(url, account) if source == Source.INTERACTIONS else url


def _is_private(host: str) -> bool:
    try:
        return not ip_address(host).is_global
    except ValueError:
        name = host.rstrip(".").lower()
        return "." not in name or name.endswith(PRIVATE_NAMES)
