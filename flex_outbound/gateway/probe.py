"""Our own webhook address, called from outside: does it lead to us?"""

from dataclasses import dataclass

import requests
from requests.exceptions import InvalidURL, RequestException, SSLError

AGENT = "django-flex-outbound doctor"


@dataclass(frozen=True, slots=True)
class Ring:
    """What came back. ``status``: None where nothing did, and then ``error`` is the type of the error.

    ``is_ours``: the answer is our view's, which takes POST alone. ``moved``: it leads elsewhere. ``is_insecure``: the
    certificate is wrong.
    """

    status: int | None
    is_ours: bool = False
    moved: bool = False
    is_insecure: bool = False
    error: str = ""


def ring(url: str, timeout: tuple[float, float]) -> Ring:
    """Call an address once, without a body, following nothing. Raises nothing."""
    try:
        with requests.get(
            url, timeout=timeout, allow_redirects=False, stream=True, headers={"User-Agent": AGENT}
        ) as answer:
            is_ours = answer.status_code == 405 and answer.headers.get("Allow") == "POST"
            return Ring(answer.status_code, is_ours, moved=300 <= answer.status_code < 400)
    except (RequestException, InvalidURL, OSError) as error:
        return Ring(None, is_insecure=isinstance(error, SSLError), error=type(error).__name__)
