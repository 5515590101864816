"""(d) Status polls that are answered 304, over a view that does nothing but know who asks."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.benchmarks.client import Browser
from tests.benchmarks.report import Aim, Report, of_rounds, size
from tests.benchmarks.servers import Lab

pytestmark = pytest.mark.benchmark

ROUNDS, CONNECTIONS = 6, 4


def rate(browsers: list[Browser], path: str, tag: str, count: int) -> float:
    """Return requests per second over all connections; raises RuntimeError for an answer that is no 304."""

    def poll(browser: Browser) -> None:
        for _poll in range(count):
            status, _body, _headers = browser.get(path, **{"If-None-Match": tag})
            if status != 304:
                raise RuntimeError(f"{path} answered {status}")

    start = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(poll, browsers))
    return CONNECTIONS * count / (time.perf_counter() - start)


def click(browser: Browser, contact: int) -> tuple[str, str]:
    """Click once; return where to poll, and the ETag of what is there."""
    body = {"contact_type": "crm_demo.contact", "contact_id": str(contact), "channel": "email"}
    _status, answer = browser.post("/flex/api/interactions/", body)
    path = json.loads(answer)["status_url"]
    _status, _body, headers = browser.get(path)
    return path, headers["ETag"]


def test_polls_cost_little_more_than_nothing(lab: Lab, report: Report) -> None:
    """Four connections at once, ours and the null view in turn."""
    env = lab.env(DATABASE_URL=lab.postgres().create("polls"), CELERY_BROKER_URL=lab.broker().url)
    contacts = lab.run("prepare", "1", env=env)
    server = lab.web(env)
    browsers = [Browser(server.url) for _connection in range(CONNECTIONS)]
    path, tag = click(browsers[0], contacts[0])
    found: dict[str, list[float]] = {path: [], "/bench/null/": []}
    for number in range(ROUNDS + 1):
        for where, rates in found.items():
            measured = rate(browsers, where, tag, size(60, 400, 5))
            # The first round warms up.
            rates += [measured] if number else []
    for browser in browsers:
        browser.close()
    server.stop()
    group = report.group(f"(d) polls answered 304 beside a null view (PostgreSQL, {CONNECTIONS} connections)")
    group.add("requests/s", [of_rounds(rates, "/s") for rates in found.values()], Aim("least", 0.5))
