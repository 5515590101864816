"""The baseline's job."""

from celery import shared_task

from tests.benchmarks.bare.models import Click


@shared_task(name="bench_bare.send", ignore_result=True)
def send(click_id: int) -> None:
    """Read the row and write it back."""
    click = Click.objects.get(pk=click_id)
    click.status = "sent"
    click.save(update_fields=["status"])
