"""The demo's addresses, the naive way's one, and one for coming into a conversation."""

from django.urls import include, path

from tests.faults.naive.views import click
from tests.faults.project.joining import join

urlpatterns = [
    path("naive/click/", click),
    path("faults/conversations/<str:conversation_sid>/join/", join),
    path("", include("crm_demo.urls")),
]
