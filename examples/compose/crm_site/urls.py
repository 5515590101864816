"""The demo's addresses, and the page for Prometheus."""

from django.urls import include, path

from crm_demo.urls import urlpatterns as crm

urlpatterns = [path("flex/metrics/", include("flex_outbound.metrics.urls")), *crm]
