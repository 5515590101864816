"""(f) What the processes weigh, beside those of a Django project with Celery and nothing of ours."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import psutil
import psycopg
import pytest

from tests.benchmarks.client import Browser
from tests.benchmarks.report import Report, Row, exact, size
from tests.benchmarks.servers import BARE, Lab, Process, restart, stop_all, wait_for

pytestmark = pytest.mark.benchmark

MEGABYTE = 1024 * 1024
Weights = dict[str, dict[str, float]]


@dataclass(slots=True)
class Project:
    """A web process and a job worker over a database of their own."""

    url: str
    path: str
    unfinished: str
    web: Process
    worker: Process
    browser: Browser

    def weigh(self) -> Weights:
        """Return megabytes by process and kind of figure."""
        serving = psutil.Process(self.web.pid).children()[0]
        return {"web": weight(serving), "worker": weight(psutil.Process(self.worker.pid))}

    def work(self, contacts: list[int]) -> None:
        """Click once for each contact, and wait until the worker is through."""
        for contact in contacts:
            body = {"contact_type": "crm_demo.contact", "contact_id": str(contact), "channel": "sms"}
            self.browser.timed_post(self.path, body)
        wait_for(lambda: not self._left(), "the worker", seconds=120)
        time.sleep(1)

    def stop(self) -> None:
        """Stop both processes."""
        self.browser.close()
        stop_all([self.web, self.worker])

    def _left(self) -> int:
        with psycopg.connect(self.url) as connection:
            found = connection.execute(f"SELECT count(*) FROM {self.unfinished}").fetchone()
        return int(found[0]) if found else 0


def weight(process: psutil.Process) -> dict[str, float]:
    """Return resident and proportional memory in megabytes."""
    info = process.memory_full_info()
    return {"RSS": info.rss / MEGABYTE, "PSS": getattr(info, "pss", info.rss) / MEGABYTE}


def demo(lab: Lab, env: Mapping[str, str], url: str) -> Project:
    """Start the demo."""
    web, worker = lab.web(env), lab.worker(env, threads=8)
    unfinished = "flex_outbound_interaction WHERE status IN ('queued', 'sending')"
    return Project(url, "/flex/api/interactions/", unfinished, web, worker, Browser(web.url))


def bare(lab: Lab, env: Mapping[str, str], url: str) -> Project:
    """Start the bare project."""
    web = lab.web(env, "tests.benchmarks.bare_project.wsgi")
    worker = lab.worker(env, app="tests.benchmarks.bare_project", threads=8)
    return Project(url, "/bench/click/", "bench_bare_click WHERE status = 'queued'", web, worker, Browser(web.url))


def rows(when: str, ours: Weights, baseline: Weights) -> list[Row]:
    """Return a row for each process and kind of figure."""
    return [
        Row(f"{process} {when}, {kind}", exact(ours[process][kind], "MB"), exact(baseline[process][kind], "MB"))
        for process in ours
        for kind in ours[process]
    ]


def test_memory(lab: Lab, report: Report) -> None:
    """One gunicorn process with 8 threads, one Celery process with a pool of 8 threads; both weighed twice."""
    count = size(200, 1000, 20)
    url, bare_url = (lab.postgres().create(name) for name in ("memory", "memory_bare"))
    sandbox = lab.sandbox()
    restart(sandbox, 0)
    env = lab.env(DATABASE_URL=url, CELERY_BROKER_URL=lab.broker().url, FLEX_API_BASE_URL=sandbox.url)
    bare_env = lab.env(BARE, DATABASE_URL=bare_url, CELERY_BROKER_URL=lab.broker().url)
    contacts = lab.run("prepare", str(count), env=env)
    lab.run("prepare", "0", env=bare_env)
    projects = [demo(lab, env, url), bare(lab, bare_env, bare_url)]
    before = [project.weigh() for project in projects]
    for project in projects:
        project.work(contacts)
    after = [project.weigh() for project in projects]
    for project in projects:
        project.stop()
    group = report.group("(f) memory of a process beside that of a bare Django project with Celery")
    group.rows += [*rows("after start", *before), *rows(f"after {count:,} clicks", *after)]
