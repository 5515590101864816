"""One row for one click."""

from django.db import models


class Click(models.Model):
    """What was clicked, and what Twilio called it."""

    key = models.CharField(max_length=64, unique=True)
    contact_id = models.IntegerField()
    channel = models.CharField(max_length=16)
    worker_sid = models.CharField(max_length=34)
    status = models.CharField(max_length=16, default="queued")
    interaction_sid = models.CharField(max_length=34, default="")
    channel_sid = models.CharField(max_length=34, default="")
    task_sid = models.CharField(max_length=34, default="")
    conversation_sid = models.CharField(max_length=34, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    opened_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.channel} to {self.contact_id}"
