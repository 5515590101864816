"""The REST face's addresses, below ``api/``. ``links`` relies on the last three segments of an interaction's."""

from django.urls import path, re_path

from flex_outbound.api import views
from flex_outbound.api.schema import SchemaView

urlpatterns = [
    path("interactions/", views.InteractionListView.as_view(), name="interaction-list"),
    path(
        "interactions/<uuid:pk>/",
        views.InteractionView.as_view(),
        name="interaction-detail",
    ),
    path(
        "interactions/<uuid:pk>/retry/",
        views.RetryView.as_view(),
        name="interaction-retry",
    ),
    path(
        "interactions/<uuid:pk>/confirm/",
        views.ConfirmView.as_view(),
        name="interaction-confirm",
    ),
    path(
        "interactions/<uuid:pk>/cancel/",
        views.CancelView.as_view(),
        name="interaction-cancel",
    ),
    # The id may hold slashes, where a model's primary key is text.
    path(
        "contacts/<str:contact_type>/<path:contact_id>/channels/",
        views.ChannelsView.as_view(),
        name="contact-channels",
    ),
    path("schema/", SchemaView.as_view(), name="schema"),
    # With its slash only, so that Django can still add the one that somebody forgot.
    re_path(r"^[\s\S]*/\Z", views.NowhereView.as_view()),
]
