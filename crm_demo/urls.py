"""The demo's addresses."""

from importlib.util import find_spec

from django.contrib import admin
from django.urls import include, path

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("django.contrib.auth.urls")),
]
if find_spec("flex_outbound.urls"):
    urlpatterns.append(path("flex/", include("flex_outbound.urls")))
