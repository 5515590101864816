"""The list of workers, for managers."""

from django.test import Client
from django.utils import timezone

from flex_outbound.models import Presence, Worker


def test_the_list_says_what_is_known_of_each_in_flex(admin_client: Client, worker: Worker) -> None:
    url = "/admin/flex_outbound/worker/"
    assert admin_client.get(url).status_code == 200
    Presence.objects.create(worker=worker, activity_name="Lunch", activity_at=timezone.now())
    assert "Lunch (" in admin_client.get(url).content.decode()
    Presence.objects.update(activity_at=None)
    assert "Lunch" in admin_client.get(url).content.decode()
