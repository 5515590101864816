"""(c) What the compact buttons add to a list of a hundred contacts."""

import pytest

from tests.benchmarks.report import Aim, Report, exact, of_samples, size
from tests.benchmarks.servers import Lab

pytestmark = pytest.mark.benchmark

CONTACTS = 100


def test_buttons_on_a_list_page(lab: Lab, report: Report) -> None:
    """The demo's page, and the same with our tags taken out of its templates."""
    env = lab.env(DATABASE_URL=lab.postgres().create("pages"))
    lab.run("prepare", "150", env=env)
    found = lab.run("list_page", "5", str(size(8, 20, 2)), env=env)
    group = report.group("(c) list page of 100 contacts with compact buttons beside the page without (in process, p50)")
    group.add("queries", [exact(found["queries"][name]) for name in ("with", "without")], Aim("plus", 2))
    group.add("time", [of_samples(found["times"][name]) for name in ("with", "without")], Aim("most", 1.3))
    pair = [exact(found["bytes"][name] / CONTACTS / 1000, "kB") for name in ("with", "without")]
    group.add("HTML per contact", pair, Aim("plus", 1))
    group.notes.append(f"{found['buttons']['with']} contacts with buttons, {found['buttons']['without']} without")
