"""(j) What the hot path asks of the database, beside the numbers that tests/integration/test_statements.py holds."""

import pytest

from tests.benchmarks.report import Aim, Report, exact
from tests.benchmarks.servers import Lab, restart
from tests.benchmarks.statements import Cost
from tests.integration.test_statements import MOST

pytestmark = pytest.mark.benchmark


def test_statements_of_the_hot_path(lab: Lab, report: Report) -> None:
    """On PostgreSQL, with committed transactions; session and user are two of every request's."""
    sandbox = lab.sandbox()
    restart(sandbox, 0)
    env = lab.env(
        DATABASE_URL=lab.postgres().create("statements"),
        FLEX_API_BASE_URL=sandbox.url,
        PUBLIC_BASE_URL="http://127.0.0.1:8000",
    )
    contacts = lab.run("prepare", "100", env=env)
    found = {name: Cost(*cost) for name, cost in lab.run("statements", *map(str, contacts), env=env).items()}
    sandbox.stop()
    group = report.group("(j) statements of the hot path beside what a test allows (PostgreSQL)")
    for name, cost in found.items():
        allowed = MOST["postgresql"][name]
        group.add(name, [exact(cost.statements), exact(allowed.statements)], Aim("plus", 0))
    begun = "; ".join(f"{name}: {cost.transactions:g}" for name, cost in found.items())
    group.notes.append(f"transactions: {begun}")
