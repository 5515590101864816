"""An agent at the CRM without a browser: signs in on the real page and sends what the real pages would."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import requests

from tests.processes import Person, wait_for

SECONDS = 10.0
Row = dict[str, Any]


@dataclass
class Form:
    """A form of a page: its attributes and what it would send if nobody typed anything."""

    attributes: dict[str, str]
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def action(self) -> str:
        """Where it goes."""
        return self.attributes.get("action", "")


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        # What is in a <template> is not part of the page.
        self._templates = 0
        self.forms: list[Form] = []
        self._select = self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "template":
            self._templates += 1
        elif self._templates:
            return
        elif tag == "form":
            self.forms.append(Form(given))
        elif tag == "select":
            self._select = given.get("name", "")
        elif tag == "textarea":
            self._text = given.get("name", "")
            self._keep(self._text, "")
        elif tag == "option" and ("selected" in given or self._select not in self._fields):
            self._keep(self._select, given.get("value", ""))
        elif tag == "input" and (given.get("type") not in ("checkbox", "submit", "button") or "checked" in given):
            self._keep(given.get("name", ""), given.get("value", "on" if given.get("type") == "checkbox" else ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._text = ""
        elif tag == "template":
            self._templates -= 1

    def handle_data(self, data: str) -> None:
        if self._text:
            self._keep(self._text, self._fields.get(self._text, "") + data)

    @property
    def _fields(self) -> dict[str, str]:
        return self.forms[-1].fields if self.forms else {}

    def _keep(self, name: str, value: str) -> None:
        if name and self.forms:
            self._fields[name] = value


def forms_of(page: str) -> list[Form]:
    """Return the forms of a page in their order."""
    parser = _Forms()
    parser.feed(page)
    return parser.forms


class Crm:
    """One person, signed in. ``url``: of the CRM; the seed's passwords are the user names."""

    def __init__(self, url: str, name: str) -> None:
        self.url = url
        self.http = requests.Session()
        # The environment's proxies are for other hosts.
        self.http.trust_env = False
        self.sign_in(name)

    def __enter__(self) -> "Crm":
        return self

    def __exit__(self, *_error: object) -> None:
        self.http.close()

    def sign_in(self, name: str) -> None:
        """Fill the login page in."""
        form = forms_of(self.page("/accounts/login/"))[0]
        answer = self.submit("/accounts/login/", form.fields | {"username": name, "password": name})
        assert answer.url == f"{self.url}/", "signed in"

    def get(self, path: str, **options: Any) -> requests.Response:
        """Get a path of the CRM, or a full address of it."""
        return self.http.get(self._at(path), timeout=SECONDS, **options)

    def page(self, path: str) -> str:
        """Return a page that must be there."""
        answer = self.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.text

    def submit(self, path: str, fields: dict[str, str]) -> requests.Response:
        """Send a form as a browser does, and follow where it leads."""
        return self.http.post(self._at(path), fields, headers={"Referer": self._at(path)}, timeout=SECONDS)

    def post(self, path: str, data: dict[str, Any]) -> requests.Response:
        """Send JSON as the page's module does."""
        headers = {"X-CSRFToken": self.http.cookies["csrftoken"], "Referer": self.url}
        return self.http.post(self._at(path), json=data, headers=headers, timeout=SECONDS)

    def click(self, contact: Person, channel: str, **fields: Any) -> requests.Response:
        """Click one button of a contact's page. A key of its own is sent with it, as the page does."""
        given = {"contact_type": "crm_demo.contact", "contact_id": contact.id, "channel": channel}
        return self.post("/flex/api/interactions/", given | {"idempotency_key": uuid.uuid4().hex} | fields)

    def clicked(self, contact: Person, channel: str, **fields: Any) -> Row:
        """Click and return the row, which must have been taken."""
        answer = self.click(contact, channel, **fields)
        assert answer.status_code == 202, (answer.status_code, answer.text)
        row: Row = answer.json()
        return row

    def row(self, row: Row) -> Row:
        """Return a row as it is now."""
        answer = self.get(row["status_url"])
        assert answer.status_code == 200, answer.text
        now: Row = answer.json()
        return now

    def follow(self, row: Row, until: Callable[[Row], object], seconds: float = SECONDS) -> Row:
        """Poll a row as the page does until something holds of it, and return it."""
        last: Row = {}

        def look() -> bool:
            last.update(self.row(row))
            return bool(until(last))

        wait_for(look, f"row {row['id']}", seconds)
        return last

    def follow_to(self, row: Row, *statuses: str, seconds: float = SECONDS) -> Row:
        """Poll a row until it is in one of ``statuses``."""
        last = self.follow(row, lambda now: now["status"] in statuses or now["is_final"], seconds)
        assert last["status"] in statuses, last
        return last

    def opened(self, row: Row, seconds: float = SECONDS) -> Row:
        """Poll a row until it is open in Flex and says where."""
        last = self.follow(row, lambda now: now["is_final"] or (now["task_sid"] and now["conversation_sid"]), seconds)
        assert last["status"] in ("created", "active"), last
        return last

    def _at(self, path: str) -> str:
        return path if path.startswith("http") else f"{self.url}{path}"
