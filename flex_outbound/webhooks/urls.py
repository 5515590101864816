"""Addresses that Twilio calls, one for each service; see docs/webhooks.md."""

from django.urls import path

from flex_outbound.models import Source
from flex_outbound.webhooks.views import receive

urlpatterns = [
    path(f"<int:account_id>/{source}/", receive, {"source": source}, name=f"webhook-{source}") for source in Source
]
