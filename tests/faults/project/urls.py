"""The demo's addresses, the naive way's one, and those of the matrices."""

from django.urls import include, path

from tests.faults.naive.views import click
from tests.faults.project.asking import answer_first_messages, ask, change
from tests.faults.project.joining import join
from tests.faults.project.waiting import read, wait

urlpatterns = [
    path("naive/click/", click),
    path("faults/conversations/<str:conversation_sid>/join/", join),
    path("faults/first-messages/", answer_first_messages),
    path("faults/requests/", ask),
    path("faults/waits/", wait),
    path("faults/waits/read/", read),
    path("faults/interactions/<str:interaction_id>/attributes/", change),
    path("", include("crm_demo.urls")),
]
