"""A browser in as few lines as possible: one connection that stays open, one session, its CSRF token."""

import json
import re
import time
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPResponse
from http.cookies import SimpleCookie
from urllib.parse import urlencode, urlsplit

NAME = "agent"
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Browser:
    """Signed in as the demo's agent."""

    def __init__(self, url: str, cookies: Mapping[str, str] | None = None) -> None:
        parts = urlsplit(url)
        self._url = url
        self._connection = HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        self._cookies = dict(cookies or {})
        if not cookies:
            self._sign_in()

    def another(self) -> "Browser":
        """Return a second connection of the same session."""
        return Browser(self._url, self._cookies)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @property
    def headers(self) -> dict[str, str]:
        """What every request of a page's script carries."""
        cookie = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        return {"Cookie": cookie, "X-CSRFToken": self._cookies["csrftoken"], "Accept": "application/json"}

    def post(self, path: str, data: Mapping[str, object]) -> tuple[int, bytes]:
        """Send JSON; return status and body."""
        headers = {**self.headers, "Content-Type": "application/json"}
        status, body, _headers = self._ask("POST", path, json.dumps(data).encode(), headers)
        return status, body

    def get(self, path: str, **headers: str) -> tuple[int, bytes, Mapping[str, str]]:
        """Return status, body and headers."""
        return self._ask("GET", path, None, {**self.headers, **headers})

    def timed_post(self, path: str, data: Mapping[str, object]) -> float:
        """Send JSON and return the milliseconds to the end of the answer; raises RuntimeError unless it is a 202."""
        start = time.perf_counter()
        status, body = self.post(path, data)
        elapsed = (time.perf_counter() - start) * 1000
        if status != 202:
            raise RuntimeError(f"{path} answered {status}: {body[:500]!r}")
        return elapsed

    def _sign_in(self) -> None:
        _status, page, _headers = self._ask("GET", "/accounts/login/", None, {})
        found = _TOKEN.search(page.decode())
        form = {
            "username": NAME,
            "password": NAME,
            "csrfmiddlewaretoken": found[1] if found else "",
            "next": "/bench/null/",
        }
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": f"csrftoken={self._cookies['csrftoken']}",
        }
        status, _body, _headers = self._ask("POST", "/accounts/login/", urlencode(form).encode(), headers)
        if status != 302 or "sessionid" not in self._cookies:
            raise RuntimeError(f"signing in answered {status}")

    def _ask(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes, Mapping[str, str]]:
        self._connection.request(method, path, body, dict(headers))
        response = self._connection.getresponse()
        content = response.read()
        self._keep_cookies(response)
        return response.status, content, dict(response.headers.items())

    def _keep_cookies(self, response: HTTPResponse) -> None:
        for line in response.headers.get_all("Set-Cookie") or []:
            self._cookies |= {name: one.value for name, one in SimpleCookie(line).items()}
