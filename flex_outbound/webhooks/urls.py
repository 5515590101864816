"""Addresses that Twilio calls; see docs/webhooks.md."""

from django.urls import path

from flex_outbound.webhooks import views

urlpatterns = [
    path("<int:account_id>/taskrouter/", views.taskrouter, name="webhook-taskrouter"),
]
