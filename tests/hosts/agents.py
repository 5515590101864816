"""An agent at a host project without a browser: the real pages and the real API, as a page's module would ask them."""

import uuid
from typing import Any

import requests

from tests.acceptance.crm import Form, forms_of
from tests.processes import wait_for

SECONDS = 10.0
Row = dict[str, Any]


class Agent:
    """One person at ``url``, the root of the project. ``outside``: the origin that the browser would see, if another.

    Behind a proxy that speaks https, Django compares the referrer with what the proxy says.
    """

    def __init__(self, url: str, outside: str = "") -> None:
        self.url = url
        self.origin = url[: url.index("/", 8)] if "/" in url[8:] else url
        self.outside = outside or self.origin
        self.http = requests.Session()
        self.http.trust_env = False

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def get(self, path: str, **options: Any) -> requests.Response:
        """Get a path of the project's host; cookies go along whatever the scheme, for the proxy's TLS is not real."""
        return self._ask("GET", path, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        """Post to a path of the project's host, with the referrer that a browser would send."""
        return self._ask("POST", path, **options)

    def _ask(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Referer": self.outside + path, **options.pop("headers", {})}
        if self.http.cookies:
            headers["Cookie"] = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.http.cookies)
        url = self.origin + path
        return self.http.request(method, url, headers=headers, timeout=SECONDS, allow_redirects=False, **options)

    def sign_in(self, path: str, name: str, password: str) -> None:
        """Fill a login page in."""
        form = forms_of(self.get(path).text)[0]
        answer = self.post(path, data=form.fields | {"username": name, "password": password})
        assert answer.status_code == 302, (answer.status_code, answer.text[:2000])

    def forms(self, path: str) -> list[Form]:
        """Return the forms of a page that must be there."""
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:2000])
        return forms_of(answer.text)

    def click(self, path: str, contact_type: str, contact_id: str, channel: str, **fields: Any) -> requests.Response:
        """Click over the API at ``path``, as the page does."""
        given = {"contact_type": contact_type, "contact_id": contact_id, "channel": channel}
        given["idempotency_key"] = uuid.uuid4().hex
        token = self.http.cookies.get("csrftoken")
        headers = {"X-CSRFToken": token} if token else {}
        return self.post(path, json=given | fields, headers=headers)

    def opened(self, row: Row, seconds: float = 20.0) -> Row:
        """Poll a row, as the page does, until it is in conversation, and return it."""
        last: Row = {}

        def look() -> bool:
            answer = self.get(row["status_url"])
            assert answer.status_code == 200, (row["status_url"], answer.status_code)
            last.update(answer.json())
            return last["is_final"] or last["status"] == "active"

        wait_for(look, f"row {row['id']}", seconds)
        assert last["status"] == "active", last
        assert last["task_sid"].startswith("WT")
        assert last["conversation_sid"].startswith("CH")
        return last
