"""(l) The inbox of an agent with 200 open conversations, and the one poll of all that is unread."""

import pytest

from tests.benchmarks.client import Browser
from tests.benchmarks.report import Aim, Report, exact, of_rounds, size
from tests.benchmarks.servers import Lab
from tests.benchmarks.test_polls import CONNECTIONS, ROUNDS, rate

pytestmark = pytest.mark.benchmark

OPEN = 200
QUERIES = 3
UNREAD = "/flex/api/inbox/unread/"


def test_the_inbox_and_its_poll(lab: Lab, report: Report) -> None:
    """Half of the conversations are unread, and there are as many closed ones. Four connections poll at once."""
    env = lab.env(DATABASE_URL=lab.postgres().create("inbox"), CELERY_BROKER_URL=lab.broker().url)
    contacts = lab.run("prepare", "100", env=env)
    found = lab.run("inbox", str(OPEN), *map(str, contacts), env=env)
    server = lab.web(env)
    browsers = [Browser(server.url) for _connection in range(CONNECTIONS)]
    _status, _body, headers = browsers[0].get(UNREAD)
    rates: dict[str, list[float]] = {UNREAD: [], "/bench/null/": []}
    for number in range(ROUNDS + 1):
        for where, measured in rates.items():
            taken = rate(browsers, where, headers["ETag"], size(60, 400, 5))
            # The first round warms up.
            measured += [taken] if number else []
    for browser in browsers:
        browser.close()
    server.stop()
    group = report.group(f"(l) inbox of an agent with {OPEN} open conversations (PostgreSQL)")
    group.add(
        "queries of GET api/inbox/ beside session and user", [exact(found["api"]), exact(QUERIES)], Aim("plus", 0)
    )
    group.add("unread, 304, beside a null view", [of_rounds(one, "/s") for one in rates.values()], Aim("least", 0.5))
    group.notes.append(f"the demo's page: {found['page']} queries, one of them for the badge; a poll: {found['poll']}")
