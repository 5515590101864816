"""(a) From click to 202, over views that a Django project would write by itself; and with a broker in trouble."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

import pytest

from tests.benchmarks.client import Browser
from tests.benchmarks.report import Aim, Group, Report, of_samples, size
from tests.benchmarks.servers import Lab, stop_all

pytestmark = pytest.mark.benchmark

ROUNDS = 6
WARM_UP = 15
WAYS = 4
OURS, CAREFUL, BARE = "/flex/api/interactions/", "/bench/careful/", "/bench/click/"
Samples = dict[str, list[list[float]]]


class Clicks:
    """Two servers over one database: one with a living broker, one whose broker is in trouble."""

    def __init__(self, lab: Lab, env: Mapping[str, str], contacts: int) -> None:
        self.good, self.bad = lab.broker(), lab.broker()
        self.contacts: Iterator[int] = iter(lab.run("prepare", str(contacts), env=env))
        self.servers = [lab.web({**env, "CELERY_BROKER_URL": broker.url}) for broker in (self.good, self.bad)]
        self.well, self.troubled = (Browser(server.url) for server in self.servers)
        for _click in range(WARM_UP):
            self._each("", defaultdict(list))

    def measure(self, trouble: str, count: int) -> Samples:
        """Click in turn: ours, careful, bare, and ours with the broker in trouble."""
        samples: Samples = defaultdict(list)
        for _round in range(ROUNDS):
            one: dict[str, list[float]] = defaultdict(list)
            for _click in range(count):
                self._each(trouble, one)
            for name, times in one.items():
                samples[name].append(times)
        return samples

    def close(self) -> None:
        """Stop both servers."""
        self.well.close()
        self.troubled.close()
        stop_all(self.servers)

    def _each(self, trouble: str, into: dict[str, list[float]]) -> None:
        into["ours"].append(self.well.timed_post(OURS, self._click()))
        into["careful"].append(self.well.timed_post(CAREFUL, self._click()))
        into["bare"].append(self.well.timed_post(BARE, self._click()))
        into[trouble].append(self.troubled.timed_post(OURS, self._click()))

    def _click(self) -> dict[str, object]:
        return {"contact_type": "crm_demo.contact", "contact_id": str(next(self.contacts)), "channel": "sms"}


def add_rows(group: Group, found: Samples, names: tuple[str, str], words: str, aim: Aim | None = None) -> None:
    """Add p50 and p95 of one way of clicking beside another; the aim is p95's."""
    for share, label in ((0.5, "p50"), (0.95, "p95")):
        pair = [of_samples(found[name], share) for name in names]
        group.add(f"{label}, {words}", pair, aim if share == 0.95 else None)


@pytest.mark.parametrize("database", ["PostgreSQL", "SQLite"])
def test_a_click_costs_little_more_than_a_careful_view(lab: Lab, report: Report, database: str) -> None:
    """Real server, signed-in session, CSRF, a fresh contact for every click."""
    if database == "PostgreSQL":
        env = lab.env(DATABASE_URL=lab.postgres().create("clicks"))
    else:
        env = lab.env(CRM_DB_PATH=str(lab.directory / "clicks.sqlite3"))
    # Without an aim on SQLite, whose single writer makes every way of clicking slow: fewer are enough.
    count = size(25, 60, 3) if database == "PostgreSQL" else size(10, 60, 3)
    clicks = Clicks(lab, env, contacts=2 * WAYS * (ROUNDS * count + WARM_UP))
    clicks.bad.freeze()
    frozen = clicks.measure("hanging", count)
    clicks.bad.kill()
    killed = clicks.measure("dead", count)
    clicks.close()
    group = report.group(f"(a) click → 202 on {database}")
    both = {way: frozen[way] + killed[way] for way in ("ours", "careful", "bare")}
    aim = Aim("most", 1.5) if database == "PostgreSQL" else None
    add_rows(group, both, ("ours", "careful"), "beside a careful view", aim)
    add_rows(group, both, ("ours", "bare"), "beside a bare view")
    add_rows(group, killed, ("dead", "ours"), "broker dead, beside ours with it alive")
    add_rows(group, frozen, ("hanging", "ours"), "broker hanging, beside ours with it alive")
