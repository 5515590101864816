"""The demo's addresses and the naive way's one."""

from django.urls import include, path

from tests.faults.naive.views import click

urlpatterns = [path("naive/click/", click), path("", include("crm_demo.urls"))]
