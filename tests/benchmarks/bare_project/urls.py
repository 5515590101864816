"""The bare project's addresses: signing in by the admin's own form, and the baseline's views."""

from django.contrib import admin
from django.urls import path

from tests.benchmarks.bare import views

urlpatterns = [
    path("accounts/login/", admin.site.login),
    path("admin/", admin.site.urls),
    path("bench/click/", views.click),
    path("bench/null/", views.null),
]
