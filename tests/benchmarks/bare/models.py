"""One row for one click, and one more for its history."""

from django.conf import settings
from django.db import models


class Click(models.Model):
    """What was clicked, by whom, and whether it was sent."""

    agent = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
    contact_id = models.CharField(max_length=255)
    channel = models.CharField(max_length=16)
    address = models.CharField(max_length=254)
    status = models.CharField(max_length=16, default="queued")
    created_at = models.DateTimeField(auto_now_add=True)

    objects: models.Manager["Click"] = models.Manager()

    class Meta:
        indexes = [models.Index(fields=["contact_id", "-created_at"], name="bench_bare_timeline")]

    def __str__(self) -> str:
        return f"{self.channel} to {self.contact_id}"


class Entry(models.Model):
    """One line of a click's history."""

    click = models.ForeignKey(Click, models.CASCADE)
    text = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: models.Manager["Entry"] = models.Manager()

    def __str__(self) -> str:
        return self.text
