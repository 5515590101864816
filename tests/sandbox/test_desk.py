"""The agent's desk, as a page and in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser

from flex_outbound.sandbox import defaults
from flex_outbound.sandbox.server import SandboxServer

from .conftest import CUSTOMER, Control, Start, eventually


def test_the_page_has_nothing_inline_and_a_strict_policy(server: SandboxServer) -> None:
    answer = httpx.get(server.url)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    page = answer.text
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert "<style" not in page
    assert re.findall(r"\s(?:on\w+|style)=", page) == []
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', page):
        assert httpx.get(server.url + path).status_code == 200


def test_the_summary_has_live_tasks_first_and_the_threads_asked_for(start: Start, control: Control) -> None:
    ended, live = start(), start(address="+15550000001")
    control.post(f"/tasks/{ended.task}/cancel")
    summary = control.get(f"/desk?thread={live.conversation}&thread=CH0")
    assert [one["sid"] for one in summary["tasks"]] == [live.task, ended.task]
    assert [one["name"] for one in summary["workers"]] == list(defaults.WORKERS)
    assert list(summary["threads"]) == [live.conversation]
    assert {one["sid"] for one in summary["conversations"]} == {live.conversation, ended.conversation}


@pytest.fixture
def page(server: SandboxServer, browser: Browser) -> Iterator[Any]:
    page: Any = browser.new_page(base_url=server.url)
    page.set_default_timeout(5000)
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda message: message.type == "error" and page.errors.append(message.text))
    yield page
    page.close()


@pytest.mark.services
def test_agent_and_customer_talk_over_the_desk(page: Any, start: Start, control: Control) -> None:
    made = start(attributes={"customerName": "<img src=x onerror=alert(1)>"})
    page.goto(f"/#{made.task}")
    task = page.locator(f"[data-task={made.task}]")
    task.get_by_test_id("accept").click()
    task.get_by_test_id("wrapup").wait_for()
    assert "<img src=x" in task.inner_text()
    page.get_by_test_id("agent-input").fill("Good morning")
    page.get_by_test_id("agent-send").click()
    on_phone = page.get_by_test_id("phone-thread").get_by_test_id("message")
    on_phone.get_by_text("Good morning").wait_for()
    page.get_by_test_id("phone-input").fill("Hello <b>you</b>")
    page.get_by_test_id("phone-send").click()
    page.get_by_test_id("agent-thread").get_by_text("Hello <b>you</b>").wait_for()
    task.get_by_test_id("complete").click()
    page.locator(f"[data-task={made.task}][data-status=completed]").wait_for()
    assert page.get_by_test_id("phone-input").is_disabled()
    page.get_by_test_id("auto-accept").check()
    page.wait_for_function("document.getElementById('live').textContent === 'live'")
    assert page.errors == []
    said = [one["body"] for one in control.account()["conversations"][0]["messages"]]
    assert said == ["Good morning", "Hello <b>you</b>"]
    assert control.get("/options")["auto_accept"] is True
    assert control.account()["conversations"][0]["participants"][0]["address"] == CUSTOMER


@pytest.mark.services
def test_pictures_receipts_and_absences_are_played_on_the_desk(page: Any, start: Start, control: Control) -> None:
    made = start(attributes={"customerName": "Ann"})
    page.goto(f"/#{made.task}")
    task = page.locator(f"[data-task={made.task}]")
    task.get_by_test_id("accept").click()
    task.get_by_test_id("pause").wait_for()
    page.get_by_test_id("agent-picture").click()
    on_phone = page.get_by_test_id("phone-thread").get_by_test_id("message")
    on_phone.get_by_text("picture.png").wait_for()
    page.get_by_test_id("agent-thread").get_by_text("delivered").wait_for()
    page.get_by_test_id("phone-read").click()
    page.get_by_test_id("agent-thread").get_by_text("delivered → read").wait_for()
    assert page.get_by_test_id("phone-read").is_hidden()
    page.get_by_test_id("phone-picture").click()
    page.get_by_test_id("agent-thread").get_by_text("picture.png").nth(1).wait_for()
    task.get_by_test_id("pause").click()
    task.get_by_test_id("resume").click()
    again = page.locator(".task.selected")
    again.get_by_test_id("accept").click()
    again.get_by_test_id("leave").click()
    page.locator(".task.selected[data-status=completed]").wait_for()
    page.get_by_test_id("phone-input").fill("Hello?")
    page.get_by_test_id("phone-send").click()
    page.locator("[data-testid=task][data-status=reserved]").wait_for()
    assert page.errors == []
    said = control.account()["conversations"][0]["messages"]
    assert [[one["content_type"] for one in message["media"] or []] for message in said] == [
        ["image/png"],
        ["image/png"],
        [],
    ]


def test_the_desk_shows_the_text_of_an_email_and_every_recipients_receipts(start: Start, control: Control) -> None:
    made = start("email", "ann@example.com")
    mail = {"conversation_sid": made.conversation, "subject": "Re", "body": "Thanks", "html": "<p>Thanks</p>"}
    control.post("/messages", mail | {"media": [{"filename": "plan.pdf", "content_type": "application/pdf"}]})
    control.post("/replies", {"conversation_sid": made.conversation, "body": "You are welcome"})
    eventually(lambda: control.account()["conversations"][0]["messages"][1]["receipts"][0]["reported"])
    told, reply = control.get(f"/desk?thread={made.conversation}")["threads"][made.conversation]["messages"]
    assert (told["body"], [one["filename"] for one in told["media"]]) == ("Thanks", ["plan.pdf"])
    [receipt] = reply["receipts"]
    assert (receipt["address"], receipt["reported"]) == ("ann@example.com", ["delivered"])
