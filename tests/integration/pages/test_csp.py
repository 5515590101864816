"""The pages under the strictest Content-Security-Policy: read as the policy would read them."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.template import RequestContext, Template
from django.test import Client, RequestFactory
from django.utils.functional import SimpleLazyObject

import flex_outbound
from flex_outbound.outbox.enqueue import Click, enqueue
from tests.integration.pages.conftest import Render
from tests.integration.pages.strict import read

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("senders", "worker")]
EVERYTHING = (
    "{% flex_assets %}{% flex_buttons contact %}{% flex_buttons contact compact=True %}{% flex_timeline contact %}"
)


FILES = Path(flex_outbound.__file__).parent / "static" / "flex_outbound"
OF_THE_ADMIN = {
    *("admin.css", "callbacks.css", "dashboard.css", "dashboard.js", "senders.css", "setup.css", "setup.js"),
}


class LazyNonce:
    """Django 6's nonce: false until it is read for the first time."""

    read = False

    def __bool__(self) -> bool:
        return self.read

    def __str__(self) -> str:
        self.read = True
        return "n0nce"


def test_the_reader_itself_finds_what_it_looks_for() -> None:
    bad = (
        '<p style="x" onclick="y"><script>1</script><style></style><a href=" javascript:z"><script src="a.js"></script>'
    )
    assert len(read(bad).faults) == 5
    assert "<script> without the nonce" in read('<script src="a.js"></script>', "n").faults


def test_the_tags_have_nothing_inline(render: Render, agent: Any, contact: Any) -> None:
    enqueue(Click(agent, "crm_demo.contact", str(contact.pk), "sms", body="Hello"))
    assert read(render(EVERYTHING, agent, contact=contact)).faults == []


def test_the_nonce_of_django_is_on_script_and_stylesheet(render: Render, agent: Any, contact: Any) -> None:
    html = render(EVERYTHING, agent, contact=contact, csp_nonce=LazyNonce())
    loaded = [given for tag, given in read(html).tags if tag in ("script", "link")]
    assert len(loaded) >= 2
    assert all(given.get("nonce") == "n0nce" for given in loaded)
    assert read(html, "n0nce").faults == []


def test_the_nonce_of_django_csp_is_on_script_and_stylesheet(rf: RequestFactory) -> None:
    request = rf.get("/")
    request.csp_nonce = SimpleLazyObject(lambda: "n0nce")  # type: ignore[attr-defined]
    html = Template("{% load flex_outbound %}{% flex_assets %}").render(RequestContext(request))
    assert read(html, "n0nce").faults == []


def test_the_assets_load_every_file_once_and_say_nothing(render: Render, agent: Any) -> None:
    html = render("{% flex_assets %}", agent)
    loaded = [
        (given.get("href") or given.get("src") or "").rpartition("/")[2]
        for tag, given in read(html).tags
        if tag in ("script", "link")
    ]
    there = {path.name for path in FILES.iterdir() if path.suffix in (".css", ".js")}
    assert sorted(loaded) == sorted(there - OF_THE_ADMIN)
    outside = re.sub(r"<(template|script)\b.*?</\1>|<link\b[^<>]*>", "", html, flags=re.S)
    assert outside.strip() == ""


def test_without_a_policy_there_is_no_nonce(render: Render) -> None:
    assert "nonce" not in render("{% flex_assets %}")


def test_the_pages_have_nothing_inline(client: Client, agent: Any, contact: Any) -> None:
    pages = [client.get("/accounts/login/").content]
    client.force_login(agent)
    pages += [client.get("/").content, client.get(contact.get_absolute_url()).content]
    bad = {"contact_type": "crm_demo.contact", "contact_id": contact.pk, "channel": "email", "cc": "nobody"}
    pages.append(client.post("/flex/send/", bad).content)
    for page in pages:
        assert b"<!DOCTYPE html>" in page
        assert read(page.decode()).faults == []
