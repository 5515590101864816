"""The demo's addresses, and the baseline's."""

from django.urls import include, path

from crm_demo.views import ContactList
from tests.benchmarks.bare import views
from tests.benchmarks.project.views import careful_click

urlpatterns = [
    path("bench/click/", views.click),
    path("bench/careful/", careful_click),
    path("bench/null/", views.null),
    path("bench/contacts/", ContactList.as_view(template_engine="without")),
    path("", include("crm_demo.urls")),
]
