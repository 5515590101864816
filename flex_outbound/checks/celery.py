"""Celery app and beat schedule, as far as the settings show them; ``flex_doctor`` asks broker and workers."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Warning, register

from flex_outbound import broker
from flex_outbound.conf import DEFAULTS, conf

ENTRY = """The app adds the sweep when Celery starts; something replaced the schedule afterwards. Add it there:
app.conf.beat_schedule["flex-outbound-sweep"] = {"task": "flex_outbound.tasks.sweep", "schedule": %s}
or `manage.py flex_sweep` from cron or a systemd timer; then silence this check."""

SLOW = 2
"""How many times SWEEP_SECONDS may lie between two sweeps before the check warns: a little more is harmless."""


@register("flex_outbound")
def check_celery(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that the project has a Celery app, and that its beat schedule has the sweep."""
    if broker.celery_app() is None:
        return [
            Warning(
                "The project has no Celery app, or does not load it: clicks would reach no worker.",
                hint="Create mycrm/celery.py and import its app in mycrm/__init__.py: "
                "https://docs.celeryq.dev/en/stable/django/first-steps-with-django.html. "
                "Without Celery, run `manage.py flex_sweep` every few seconds and silence this check.",
                id="flex_outbound.W003",
            )
        ]
    return _schedule()


def _schedule() -> list[CheckMessage]:
    every = broker.sweep_schedule()
    if every is None:
        return []
    try:
        wanted = conf.sweep_seconds
    except (TypeError, ValueError, AttributeError):
        wanted = float(DEFAULTS["SWEEP_SECONDS"])  # E001 or E014 says what is wrong with it
    if not every:
        words = "Nothing runs flex_outbound.tasks.sweep: interactions whose job was lost would wait for ever."
        return [Warning(words, hint=ENTRY % f"{wanted:g}", id="flex_outbound.W004")]
    if min(every) > SLOW * wanted:
        words = f"Beat runs the sweep every {min(every):g} s, but SWEEP_SECONDS is {wanted:g}."
        hint = "Use the same number for both: jobs that are due before the next sweep are left to that sweep."
        return [Warning(words, hint=hint, id="flex_outbound.W005")]
    return []
