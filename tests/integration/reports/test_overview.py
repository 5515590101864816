"""The figures of the dashboard, whether they are counted or rolled up."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import override_settings
from django.utils import timezone

from flex_outbound.models import DailyFigures, FiguresMark, Interaction
from flex_outbound.reports import days, rollup
from flex_outbound.reports.overview import Overview, Period, Wanted, overview, waiting
from tests.integration.conftest import Click

pytestmark = pytest.mark.django_db

NOON = datetime.combine(datetime.now(UTC).date(), datetime.min.time(), UTC) + timedelta(hours=12)
DAY = timedelta(days=1)


def last(number: int, **wanted: Any) -> Overview:
    today = days.today()
    return overview(Period(today - (number - 1) * DAY, today), Wanted(**wanted))


def roll_all() -> None:
    while rollup.roll_up():
        pass


def look_again() -> int:
    """Have the past looked at as if five minutes had gone by; changes of the last hour count as new."""
    FiguresMark.objects.update(checked_at=timezone.now() - timedelta(hours=1))
    return rollup.roll_up()


@pytest.mark.parametrize("rolled", [False, True])
def test_clicks_are_counted_by_what_became_of_them(click: Click, agent: Any, other_agent: Any, rolled: bool) -> None:
    click(NOON - 2 * DAY, 1.0)
    click(NOON - 2 * DAY, 3.0, channel="email")
    click(NOON - 2 * DAY, None, "failed", agent=other_agent)
    click(NOON - DAY, 2.0, "failed", error_reason="workflow_timeout")
    click(NOON - DAY, None, "canceled", agent=None)
    if rolled:
        roll_all()
    found = last(7)
    assert (found.total.clicks, found.total.opened, found.total.failed, found.total.canceled) == (5, 3, 2, 1)
    assert (found.total.failed_later, found.total.failed_first, found.total.undecided) == (1, 1, 0)
    assert found.total.reasons == {"opted_out": 1, "workflow_timeout": 1}
    assert [tally.clicks for tally in found.by_day.values()] == [0, 0, 0, 0, 3, 2, 0]
    assert {name: tally.clicks for name, tally in found.by_channel.items()} == {"sms": 4, "email": 1}
    assert {key: tally.clicks for key, tally in found.by_agent.items()} == {agent.pk: 3, other_agent.pk: 1, None: 1}
    assert last(7, channel="email").total.clicks == 1
    assert last(7, agent=other_agent.pk).total.failed == 1
    assert last(7, account=0).total.clicks == 0


def test_what_is_rolled_up_is_not_counted_again(click: Click, django_assert_num_queries: Any) -> None:
    for number in range(1, 40):
        click(NOON - number * DAY)
    roll_all()
    before = last(30)
    with django_assert_num_queries(4):
        # The mark, what changed, the rolled-up days, today.
        assert last(30) == before


@pytest.mark.parametrize(
    "waits", [[0.2], [0.5, 1.0, 2.0], [0.1 * n for n in range(1, 200)], [3600.0] * 3, [0.0001, 0.0]]
)
def test_waits_are_told_to_within_three_percent(click: Click, waits: list[float]) -> None:
    for wait in waits:
        click(NOON - DAY, wait)
    ordered = sorted(max(wait, 0.001) for wait in waits)
    total = last(3).total
    for told, share in ((total.median, 0.5), (total.p95, 0.95)):
        true = ordered[max(0, -(-int(share * 100) * len(ordered) // 100) - 1)]
        assert told == pytest.approx(true, rel=0.03)


def test_nothing_clicked_is_no_wait() -> None:
    assert last(2).total.median is None
    assert last(2).total.opened_share is None


def test_a_late_change_shows_at_once_and_is_rolled_up_later(click: Click) -> None:
    row = click(NOON - 10 * DAY, 1.0, "active")
    roll_all()
    assert last(30).total.failed == 0
    Interaction.objects.filter(pk=row.pk).update(
        status="failed", error_reason="not_delivered", next_at=None, finished_at=NOON, updated_at=timezone.now()
    )
    assert last(30).total.reasons == {"not_delivered": 1}
    assert DailyFigures.objects.get().failed == 0
    assert look_again() == 1
    assert DailyFigures.objects.get().failed == 1
    assert last(30).total.failed == 1


def test_a_conversation_that_ends_moves_no_figure(click: Click) -> None:
    row = click(NOON - 10 * DAY, 1.0, "active")
    roll_all()
    Interaction.objects.filter(pk=row.pk).update(
        status="closed", next_at=None, finished_at=NOON, updated_at=timezone.now()
    )
    assert look_again() == 0


def test_the_past_is_looked_at_every_few_minutes_only(click: Click) -> None:
    row = click(NOON - 3 * DAY)
    roll_all()
    Interaction.objects.filter(pk=row.pk).update(status="failed", error_reason="x", updated_at=timezone.now())
    assert rollup.roll_up() == 0


def test_a_long_history_is_rolled_up_in_steps_and_right_meanwhile(click: Click) -> None:
    for number in (1, 8, 15, 30):
        click(NOON - number * DAY)
    steps = []
    while done := rollup.roll_up():
        steps.append(done)
        assert last(40).total.clicks == 4
    assert max(steps) == rollup.BATCH
    assert sum(steps) == 30
    assert FiguresMark.objects.get().first_day == days.today() - 30 * DAY


def test_yesterday_is_rolled_up_once_it_is_over(click: Click) -> None:
    click(NOON - 2 * DAY)
    roll_all()
    FiguresMark.objects.update(end_day=days.today() - DAY)
    click(NOON - DAY)
    assert last(3).total.clicks == 2
    assert rollup.roll_up() == 1
    assert FiguresMark.objects.get().end_day == days.today()
    assert last(3).total.clicks == 2


def test_rolling_up_twice_changes_nothing(click: Click) -> None:
    click(NOON - 2 * DAY)
    roll_all()
    before = list(DailyFigures.objects.values_list("day", "clicks", "waits"))
    assert look_again() in (0, 1)
    assert list(DailyFigures.objects.values_list("day", "clicks", "waits")) == before
    rollup.forget()
    assert last(3).total.clicks == 1
    roll_all()
    assert list(DailyFigures.objects.values_list("day", "clicks", "waits")) == before


def test_a_day_is_that_of_who_looks(click: Click) -> None:
    click(datetime(2026, 3, 10, 23, 30, tzinfo=UTC))
    period = Period(date(2026, 3, 10), date(2026, 3, 11))
    for name, expected in (("UTC", [1, 0]), ("Europe/Berlin", [0, 1]), ("America/New_York", [1, 0])):
        with timezone.override(ZoneInfo(name)):
            assert [tally.clicks for tally in overview(period, Wanted()).by_day.values()] == expected


@pytest.mark.parametrize(("month", "day", "hours"), [(3, 29, 23), (10, 25, 25), (6, 1, 24)])
def test_a_day_may_have_23_or_25_hours(click: Click, month: int, day: int, hours: int) -> None:
    """In Berlin's 2026, clocks go forward on 29 March and back on 25 October."""
    berlin = ZoneInfo("Europe/Berlin")
    start = datetime(2026, month, day, tzinfo=berlin).astimezone(UTC)
    for hour in range(-1, hours + 1):
        click(start + timedelta(hours=hour, minutes=30))
    with timezone.override(berlin):
        period = Period(date(2026, month, day) - DAY, date(2026, month, day) + DAY)
        assert [tally.clicks for tally in overview(period, Wanted()).by_day.values()] == [1, hours, 1]


def test_who_looks_from_elsewhere_is_not_shown_days_of_here(click: Click) -> None:
    click(NOON - 2 * DAY + timedelta(hours=11, minutes=30))
    roll_all()
    with timezone.override(ZoneInfo("Asia/Tokyo")):
        found = overview(Period((NOON - 2 * DAY).date(), (NOON - DAY).date()), Wanted())
        assert [tally.clicks for tally in found.by_day.values()] == [0, 1]


def test_a_new_time_zone_of_the_project_begins_anew(click: Click) -> None:
    click(NOON - 3 * DAY + timedelta(hours=11, minutes=30))
    roll_all()
    with override_settings(TIME_ZONE="Asia/Tokyo"):
        roll_all()
        assert FiguresMark.objects.get().zone == "Asia/Tokyo"
        assert [figures.day for figures in DailyFigures.objects.all()] == [(NOON - 2 * DAY).date()]


def test_what_waits_is_told_with_its_oldest(click: Click) -> None:
    click(NOON - 40 * DAY, None, "review")
    click(NOON - DAY, None, "queued", channel="email")
    click(NOON - DAY, 1.0, "active")
    click(NOON - DAY, None, "failed")
    now = waiting(Wanted())
    assert now.number == 2
    assert now.oldest == NOON - 40 * DAY
    assert waiting(Wanted(channel="email")).oldest == NOON - DAY
    assert waiting(Wanted(channel="whatsapp")).oldest is None


def test_a_project_without_time_zones_has_days_too(click: Click, settings: Any) -> None:
    row = click(NOON - 2 * DAY)
    settings.USE_TZ = False
    now = datetime.now().replace(microsecond=0)
    Interaction.objects.filter(pk=row.pk).update(
        created_at=now - 2 * DAY, updated_at=now - 2 * DAY, opened_at=now - 2 * DAY + timedelta(seconds=2)
    )
    for _time in range(2):
        assert [tally.clicks for tally in last(4).by_day.values()] == [0, 1, 0, 0]
        roll_all()
    assert FiguresMark.objects.get().zone == settings.TIME_ZONE
