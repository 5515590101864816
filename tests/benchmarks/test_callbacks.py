"""(i) How soon a callback is answered: verified, stored and handed on, before anything is made of it."""

import http.client
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import pytest

from flex_outbound.sandbox import defaults
from flex_outbound.sandbox.signing import signature
from tests.benchmarks.client import Browser
from tests.benchmarks.report import Aim, Report, Row, exact, of_samples, size
from tests.benchmarks.servers import Lab

pytestmark = pytest.mark.benchmark

PUBLIC = "https://crm.example.com"
PATH = "/flex/webhooks/1/taskrouter/"
ROUNDS = 5
BOUND = 50.0


@dataclass
class Caller:
    """Twilio's side: one connection that stays open; every call is a new event of one of our tasks."""

    url: str
    keys: list[str]

    def calls(self, count: int) -> Iterator[float]:
        """Make so many calls and yield the milliseconds to each answer; raises RuntimeError unless it is a 204."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
        for number in range(count):
            form = self._event(self.keys[number % len(self.keys)])
            headers = {
                "Content-Type": "application/x-www-form-urlencoded",
                "X-Twilio-Signature": signature(defaults.AUTH_TOKEN, PUBLIC + PATH, form),
            }
            start = time.perf_counter()
            connection.request("POST", PATH, urlencode(form), headers)
            answer = connection.getresponse()
            answer.read()
            elapsed = (time.perf_counter() - start) * 1000
            if answer.status != 204:
                raise RuntimeError(f"a callback was answered {answer.status}")
            yield elapsed
        connection.close()

    def _event(self, key: str) -> dict[str, str]:
        attributes = {"flexOutboundKey": key, "flexOutboundAttempt": 1, "customerName": "Customer"}
        return {
            "AccountSid": defaults.ACCOUNT_SID,
            "WorkspaceSid": defaults.WORKSPACE_SID,
            "EventType": "task.created",
            "TaskSid": "WT" + key,
            "TaskAssignmentStatus": "pending",
            "TaskAttributes": json.dumps(attributes),
            "TimestampMs": str(time.time_ns() // 1_000_000),
        }


def clicked(browser: Browser, contacts: list[int]) -> list[str]:
    """Click once for each contact; return the rows' keys."""
    keys = []
    for contact in contacts:
        body = {"contact_type": "crm_demo.contact", "contact_id": str(contact), "channel": "sms"}
        _status, answer = browser.post("/flex/api/interactions/", body)
        keys.append(json.loads(answer)["id"].replace("-", ""))
    return keys


def test_callbacks_are_answered_at_once(lab: Lab, report: Report) -> None:
    """With a broker that answers, then with one that is frozen."""
    broker = lab.broker()
    env = lab.env(DATABASE_URL=lab.postgres().create("callbacks"), CELERY_BROKER_URL=broker.url, PUBLIC_BASE_URL=PUBLIC)
    contacts = lab.run("prepare", "50", env=env)
    server = lab.web(env)
    browser = Browser(server.url)
    caller = Caller(server.url, clicked(browser, contacts))
    browser.close()
    group = report.group("(i) callbacks: time to 204, beside the bound of 50 ms (PostgreSQL, one connection)")
    for words, freeze in (("", False), (", broker frozen", True)):
        if freeze:
            broker.freeze()
        rounds = [list(caller.calls(size(80, 300, 5))) for _round in range(ROUNDS + 1)][1:]
        bound = exact(BOUND, "ms")
        group.rows.append(Row(f"median{words}", of_samples(rounds), bound, Aim("most", 1.0)))
        group.rows.append(Row(f"95 of 100 within{words}", of_samples(rounds, 0.95), bound, Aim("most", 1.0)))
        group.rows.append(Row(f"99 of 100 within{words}", of_samples(rounds, 0.99), bound, Aim("most", 1.0)))
    server.stop()
