import uuid

from django.db import models
from django.urls import reverse

from flex_outbound.models import FlexContact


class Customer(FlexContact):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    full_name = models.CharField(max_length=200)
    mobile = models.CharField(max_length=40, blank=True)
    email = models.EmailField(blank=True)

    def __str__(self):
        return self.full_name

    def get_absolute_url(self):
        return reverse("customer", args=[self.pk])
