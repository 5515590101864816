"""The look as a job: asked for by the click, and by the sweep where that was lost."""

import io
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db.models import F

from flex_outbound import broker, tasks
from flex_outbound.models import Account, ImportRun, RunState
from flex_outbound.outbox.jobs import Job
from flex_outbound.setup import runs
from tests.integration.setup.conftest import Sandbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def neglected(bare: Account) -> ImportRun:
    """A look whose wake-up was lost a minute ago."""
    run = runs.begin(bare, wake=False)
    ImportRun.objects.update(created_at=F("created_at") - timedelta(minutes=1))
    return run


def test_the_job_looks(bare: Account, sandbox: Sandbox) -> None:
    run = runs.begin(bare, wake=False)
    tasks.import_fetch(str(run.pk))
    run.refresh_from_db()
    assert run.state == RunState.FOUND


def test_the_job_of_a_run_that_is_gone_does_nothing(db: None) -> None:
    tasks.import_fetch("4711")


def test_the_sweep_hands_out_what_was_lost(neglected: ImportRun, monkeypatch: pytest.MonkeyPatch) -> None:
    published: list[tuple[Job, str]] = []
    monkeypatch.setattr(broker, "publish", lambda job, run_id, *_delay: published.append((job, run_id)))
    tasks.sweep()
    assert [one for one in published if one[0] is Job.IMPORT] == [(Job.IMPORT, str(neglected.pk))]


def test_the_sweep_gives_up_what_died(neglected: ImportRun) -> None:
    runs.claim(neglected.pk)
    ImportRun.objects.update(lease_until=F("created_at"))
    tasks.sweep()
    neglected.refresh_from_db()
    assert (neglected.state, neglected.error_reason) == (RunState.FAILED, runs.WORKER_DIED)


def test_a_sweep_without_a_broker_looks_itself(neglected: ImportRun, sandbox: Sandbox) -> None:
    out = io.StringIO()
    call_command("flex_sweep", stdout=out)
    assert "import: 1" in out.getvalue()
    neglected.refresh_from_db()
    assert neglected.state == RunState.FOUND
