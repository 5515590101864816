"""Templates are kept as Twilio shows them: whole lists only, and never a manager's own choices."""

import io
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from flex_outbound import broker, tasks
from flex_outbound.exceptions import GatewayError, OutcomeUnknown
from flex_outbound.gateway.directory import TwilioDirectory
from flex_outbound.gateway.resources import ListedTemplate
from flex_outbound.models import Account, Template
from flex_outbound.outbox.jobs import Job
from flex_outbound.sandbox import defaults
from flex_outbound.setup import drift, runs, templates
from tests.integration.setup.conftest import Sandbox

pytestmark = pytest.mark.django_db
REMINDER, OFFER = defaults.CONTENT_TEMPLATES[0], defaults.CONTENT_TEMPLATES[3]


def change(sandbox: Sandbox, sid: str, **values: Any) -> None:
    sandbox.http.post(f"templates/{sid}", json=values).raise_for_status()


def test_everything_that_a_template_says_is_kept(bare: Account, sandbox: Sandbox) -> None:
    synced = templates.sync(bare)

    assert (synced.total, synced.new) == (len(defaults.CONTENT_TEMPLATES),) * 2
    for one in defaults.CONTENT_TEMPLATES:
        row = Template.objects.get(content_sid=one.sid)
        assert (row.name, row.language, row.types) == (one.name, one.language, one.types)
        assert (row.variables, row.category, row.content_type) == (dict(one.variables), one.category, one.kind)
        assert (row.whatsapp_status, row.rejection_reason) == (one.status, one.rejection_reason)
    assert Account.objects.get().templates_seen_at is not None


def test_what_a_manager_chose_stays_and_what_twilio_changed_counts(bare: Account, sandbox: Sandbox) -> None:
    templates.sync(bare)
    Template.objects.filter(content_sid=REMINDER.sid).update(is_active=False, sources={"1": "full_name"})
    change(sandbox, REMINDER.sid, status="paused", rejection_reason="Blocked too often")

    synced = templates.sync(bare)

    row = Template.objects.get(content_sid=REMINDER.sid)
    assert (row.is_active, row.sources) == (False, {"1": "full_name"})
    assert (row.whatsapp_status, row.rejection_reason) == ("paused", "Blocked too often")
    assert (synced.new, synced.changed, synced.gone) == (0, 1, 0)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("work", ["templates", "drift", "import"])
def test_sqlite_takes_its_write_lock_before_it_reads(bare: Account, sandbox: Sandbox, work: str) -> None:
    """Who has read and wants to write then is refused at once where somebody else has written meanwhile."""
    if connection.vendor != "sqlite":
        pytest.skip("the others lock rows")
    with CaptureQueriesContext(connection) as asked:
        if work == "templates":
            templates.sync(bare)
        elif work == "drift":
            drift.fix(bare, [])
        else:
            runs.begin(bare, wake=False)
    said = [one["sql"] for one in asked]
    after_begin = said[next(number for number, one in enumerate(said) if one.startswith("BEGIN")) + 1]
    assert after_begin.startswith("UPDATE")


def test_what_twilio_no_longer_shows_is_gone_and_may_come_back(bare: Account, sandbox: Sandbox) -> None:
    templates.sync(bare)
    kept = Template.objects.get(content_sid=OFFER.sid)
    sandbox.http.delete(f"templates/{OFFER.sid}").raise_for_status()
    assert templates.sync(bare).gone == 1
    assert templates.sync(bare).gone == 0
    assert Template.objects.get(pk=kept.pk).gone_at is not None
    sandbox.http.post("reset").raise_for_status()
    assert templates.sync(bare).changed == 1
    assert Template.objects.get(pk=kept.pk).gone_at is None


@pytest.mark.parametrize("shown", [0, 4])
def test_a_list_that_breaks_off_changes_nothing(
    shown: int, bare: Account, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flex_outbound.gateway.directory.CONTENTS_PER_PAGE", 4)
    templates.sync(bare)
    seen = Account.objects.get().templates_seen_at
    before = list(Template.objects.order_by("pk").values())
    change(sandbox, REMINDER.sid, status="rejected")
    sandbox.http.delete(f"templates/{OFFER.sid}").raise_for_status()
    whole = TwilioDirectory.templates

    def broken(directory: TwilioDirectory) -> Iterator[ListedTemplate]:
        yield from islice(whole(directory), shown)
        raise OutcomeUnknown("reset", reason="unknown")

    monkeypatch.setattr(TwilioDirectory, "templates", broken)
    with pytest.raises(GatewayError):
        templates.sync(bare)

    assert list(Template.objects.order_by("pk").values()) == before
    assert Account.objects.get().templates_seen_at == seen


def test_the_list_is_read_over_all_its_pages(bare: Account, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flex_outbound.gateway.directory.CONTENTS_PER_PAGE", 1)
    assert templates.sync(bare).total == len(defaults.CONTENT_TEMPLATES)


def test_another_account_has_its_own(bare: Account, sandbox: Sandbox) -> None:
    templates.sync(bare)
    second = Account.objects.create(
        name="Second",
        account_sid=defaults.ACCOUNT2_SID,
        api_key_sid=defaults.ACCOUNT2_API_KEY_SID,
        api_key_secret=defaults.ACCOUNT2_API_KEY_SECRET,
    )
    assert templates.sync(second).total == 0
    assert not Template.objects.filter(gone_at__isnull=False).exists()


# -- when it is asked ---------------------------------------------------------------------------------------


def test_the_sweep_asks_at_first_and_then_once_an_hour(
    bare: Account, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Job, str]] = []
    monkeypatch.setattr(broker, "publish", lambda job, argument, *_more: asked.append((job, argument)))
    monkeypatch.setattr(tasks, "_TOO_SOON", 0)
    tasks.sweep()
    assert (Job.TEMPLATES, str(bare.pk)) in asked
    tasks.templates(str(bare.pk))
    assert Template.objects.exists()
    asked.clear()
    tasks.sweep()
    assert asked == []
    Account.objects.update(templates_next_at=timezone.now() - timedelta(seconds=1))
    tasks.sweep()
    assert asked == [(Job.TEMPLATES, str(bare.pk))]


def test_a_failure_is_asked_again_later_and_not_with_every_sweep(bare: Account, sandbox: Sandbox) -> None:
    sandbox.fault("status", method="GET", path="/v2/ContentAndApprovals$", status=503)
    tasks.templates(str(bare.pk))
    assert templates.due() == []
    assert Account.objects.get().templates_seen_at is None
    assert Account.objects.get().templates_next_at < timezone.now() + timedelta(seconds=templates.AGAIN + 1)


def test_an_account_without_credentials_is_no_error(bare: Account) -> None:
    Account.objects.update(api_key_secret="", auth_token="")
    tasks.templates(str(bare.pk))
    assert templates.due() == []


def test_a_switched_off_account_is_not_asked(bare: Account) -> None:
    Account.objects.update(is_active=False)
    assert templates.due() == []


def test_it_can_be_left_to_people(bare: Account, settings: Any) -> None:
    settings.FLEX_OUTBOUND = {"TEMPLATES_MAX_AGE": None}
    assert templates.due() == []


def test_of_two_workers_one_asks(bare: Account, sandbox: Sandbox) -> None:
    tasks.templates(str(bare.pk))
    number = len(sandbox.http.get("requests").json()["requests"])
    tasks.templates(str(bare.pk))
    assert len(sandbox.http.get("requests").json()["requests"]) == number


def test_the_command_stores_them_too(bare: Account, sandbox: Sandbox) -> None:
    out = io.StringIO()
    call_command("flex_sync", "--apply", stdout=out)
    assert "Templates: 12 (12 new, 0 changed, 0 gone)." in out.getvalue()
    call_command("flex_sync", stdout=out)
    assert Template.objects.count() == 12


def test_a_key_that_may_not_read_templates_does_not_undo_the_rest(bare: Account, sandbox: Sandbox) -> None:
    sandbox.fault("status", method="GET", path="/v2/ContentAndApprovals$", status=403)
    out, err = io.StringIO(), io.StringIO()
    call_command("flex_sync", "--apply", stdout=out, stderr=err)
    assert "Applied: 31" in out.getvalue()
    assert "templates could not be read" in err.getvalue()


def test_the_sweep_without_a_broker_asks_as_well(bare: Account, sandbox: Sandbox) -> None:
    out = io.StringIO()
    call_command("flex_sweep", stdout=out)
    assert "templates: 1" in out.getvalue()
    assert Template.objects.exists()
