"""A request to our own webhook URL, to see whether it leads to this app."""

from dataclasses import dataclass

import requests
from requests.exceptions import InvalidURL, RequestException, SSLError

AGENT = "django-flex-outbound doctor"


@dataclass(frozen=True, slots=True)
class UrlCheck:
    """The answer. ``status``: of HTTP; None where no answer came, and then ``error`` is the type of the error.

    ``is_ours``: the answer is that of our view, which takes only POST. ``moved``: where it redirects to, "" where
    it does not. ``is_insecure``: the certificate is not valid.
    """

    status: int | None
    is_ours: bool = False
    moved: str = ""
    is_insecure: bool = False
    error: str = ""


def check_url(url: str, timeout: tuple[float, float]) -> UrlCheck:
    """Send one GET to ``url``, without following redirects. Raises nothing."""
    try:
        with requests.get(
            url, timeout=timeout, allow_redirects=False, stream=True, headers={"User-Agent": AGENT}
        ) as answer:
            is_ours = answer.status_code == 405 and answer.headers.get("Allow") == "POST"
            is_moved = 300 <= answer.status_code < 400
            return UrlCheck(answer.status_code, is_ours, answer.headers.get("Location", "?") if is_moved else "")
    except (RequestException, InvalidURL, OSError) as error:
        return UrlCheck(None, is_insecure=isinstance(error, SSLError), error=type(error).__name__)
