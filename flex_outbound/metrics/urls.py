"""To be included in the host's URLs: ``path("flex/metrics/", include("flex_outbound.metrics.urls"))``."""

from django.urls import path

from flex_outbound.metrics.views import metrics

app_name = "flex_outbound_metrics"

urlpatterns = [path("", metrics, name="metrics")]
