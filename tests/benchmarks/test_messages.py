"""(m) What customers write: how soon its callback is answered, a hundred of them a second, and a page of many."""

import http.client
import statistics
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlencode, urlsplit

import pytest

from flex_outbound.sandbox import defaults
from flex_outbound.sandbox.signing import signature
from tests.benchmarks.report import Aim, Report, Row, exact, of_samples, size
from tests.benchmarks.servers import Lab
from tests.benchmarks.test_history import LONG, LONGEST, SMALL

pytestmark = pytest.mark.benchmark

PUBLIC: Final = "https://crm.example.com"
PATH: Final = "/flex/webhooks/1/conversations/"
ROUNDS, CONVERSATIONS, BOUND = 5, 50, 50.0
PER_SECOND: Final = 100
CALLERS: Final = 4
MOST_WAITING: Final = 20
"""Jobs in the queue: those of half a second, at most, of a worker that keeps up."""


@dataclass
class Customers:
    """Twilio's side of many conversations, each with a customer of its own who writes one message after another."""

    url: str
    first: int = 0
    said: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        self.connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)

    def write(self, count: int) -> Iterator[float]:
        """Write so many messages and yield the milliseconds to each answer; raises RuntimeError unless it is a 204."""
        for number in range(count):
            yield self.call(self._message(self.first + number % CONVERSATIONS))

    def join(self) -> None:
        """Let every customer enter a conversation."""
        for number in range(self.first, self.first + CONVERSATIONS):
            binding = {"Address": _number(number), "ProxyAddress": defaults.SMS_SENDER, "Type": "sms"}
            fields = {f"MessagingBinding.{name}": value for name, value in binding.items()}
            self.call(self._event(number, "onParticipantAdded", **fields))

    def call(self, form: dict[str, str]) -> float:
        """Make one callback; returns the milliseconds to its answer."""
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": signature(defaults.AUTH_TOKEN, PUBLIC + PATH, form),
        }
        start = time.perf_counter()
        self.connection.request("POST", PATH, urlencode(form), headers)
        answer = self.connection.getresponse()
        answer.read()
        if answer.status != 204:
            raise RuntimeError(f"a callback was answered {answer.status}")
        return (time.perf_counter() - start) * 1000

    def close(self) -> None:
        """End the connection."""
        self.connection.close()

    def _message(self, number: int) -> dict[str, str]:
        index = self.said[number] = self.said.get(number, -1) + 1
        made = {"MessageSid": f"IM{number:016x}{index:016x}", "Index": str(index), "Attributes": "{}"}
        return self._event(number, "onMessageAdded", Author=_number(number), Body=f"Message {index}", **made)

    def _event(self, number: int, event: str, **fields: str) -> dict[str, str]:
        return {
            "AccountSid": defaults.ACCOUNT_SID,
            "ChatServiceSid": defaults.CHAT_SERVICE_SID,
            "ConversationSid": f"CH{number + 1:032x}",
            "EventType": event,
            "DateCreated": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "ParticipantSid": f"MB{number + 1:032x}",
            "Source": "SMS",
            **fields,
        }


def _number(number: int) -> str:
    return f"+3363998{number:04d}"


def test_a_customers_message_is_answered_at_once(lab: Lab, report: Report) -> None:
    """The text is kept when the answer comes."""
    env = lab.env(
        DATABASE_URL=lab.postgres().create("heard"), CELERY_BROKER_URL=lab.broker().url, PUBLIC_BASE_URL=PUBLIC
    )
    lab.run("prepare", "1", env=env)
    server = lab.web(env)
    customers = Customers(server.url)
    customers.join()
    rounds = [list(customers.write(size(100, 300, 60))) for _round in range(ROUNDS + 1)][1:]
    customers.close()
    server.stop()
    group = report.group("(m) a customer's message: time to 204, beside the bound of 50 ms (PostgreSQL)")
    bound = exact(BOUND, "ms")
    group.rows.append(Row("median", of_samples(rounds), bound, Aim("most", 1.0)))
    group.rows.append(Row("95 of 100 within", of_samples(rounds, 0.95), bound, Aim("most", 1.0)))


def test_a_hundred_messages_a_second_do_not_pile_up(lab: Lab, report: Report) -> None:
    """One web process, one worker; every message is kept by the one and told to the host by the other."""
    broker, seconds = lab.broker(), size(8, 30, 4)
    sandbox = lab.sandbox()
    env = lab.env(
        DATABASE_URL=lab.postgres().create("hundred"),
        CELERY_BROKER_URL=broker.url,
        PUBLIC_BASE_URL=PUBLIC,
        FLEX_API_BASE_URL=sandbox.url,
    )
    lab.run("prepare", "1", env=env)
    server, worker = lab.web(env), lab.worker(env)
    callers = [Customers(server.url, first=number * CONVERSATIONS) for number in range(CALLERS)]
    for caller in callers:
        caller.join()
    begin = time.perf_counter()
    threads = [threading.Thread(target=_steadily, args=(one, begin, seconds)) for one in callers]
    for thread in threads:
        thread.start()
    waiting: list[int] = []
    while any(thread.is_alive() for thread in threads):
        waiting.append(broker.length("celery"))
        time.sleep(0.1)
    took = time.perf_counter() - begin
    for caller in callers:
        caller.close()
    told = lab.run("told", env=env)
    worker.stop()
    server.stop()
    sandbox.stop()
    half = len(waiting) // 2
    group = report.group(f"(m) {PER_SECOND} messages a second for {seconds} s, one worker (PostgreSQL)")
    rate = exact(sum(sum(one.said.values()) + len(one.said) for one in callers) / took, "/s")
    group.add("kept beside what was written", [rate, exact(PER_SECOND, "/s")], Aim("least", 0.95))
    late = [exact(statistics.median(waiting[half:])), exact(MOST_WAITING)]
    group.add("jobs that wait in the second half, beside the bound", late, Aim("most", 1.0))
    group.add("not yet told to the host, beside those of a second", [exact(told["untold"]), exact(PER_SECOND)],
              Aim("most", 1.0))  # fmt: skip


def _steadily(customers: Customers, begin: float, seconds: int) -> None:
    space = CALLERS / PER_SECOND
    for number, _elapsed in enumerate(customers.write(seconds * PER_SECOND // CALLERS)):
        time.sleep(max(0.0, begin + (number + 1) * space - time.perf_counter()))


def test_a_page_of_many_messages_costs_what_one_of_few_does(lab: Lab, report: Report) -> None:
    """The database's time for the messages of a timeline's newest page, and of the one before it, p50."""
    postgres, wanted = lab.postgres(), size(LONG, LONGEST, 20_000)
    urls = {name: postgres.create(f"said_{name}") for name in ("few", "many")}
    for name, count in (("few", SMALL), ("many", wanted)):
        lab.run("said", str(count), env=lab.env(DATABASE_URL=urls[name]))
    each = size(6, 12, 2)
    found = {name: lab.run("said_pages", str(each), env=lab.env(DATABASE_URL=url)) for name, url in urls.items()}
    group = report.group(f"(m) messages of a timeline's page, {wanted:,} in all beside {SMALL:,} (PostgreSQL, p50)")
    for page in found["many"]["rounds"]:
        group.add(page, [of_samples(found[name]["rounds"][page]) for name in ("many", "few")], Aim("most", 1.5))
    group.notes.append(" → ".join(found["many"]["nodes"]))
    postgres.drop("said_many")
