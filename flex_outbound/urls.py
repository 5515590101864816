"""Every address of the app, to be included where the host likes: ``path("flex/", include("flex_outbound.urls"))``."""

from django.urls import include, path

from flex_outbound import (
    answer_views,
    conversation_views,
    linking_views,
    text_view,
    views,
)

app_name = "flex_outbound"

urlpatterns = [
    path("compose/<str:contact_type>/<str:channel>/", views.compose, name="compose"),
    path("send/", views.send, name="send"),
    path("interactions/<uuid:pk>/retry/", views.retry, name="retry"),
    path("interactions/<uuid:pk>/confirm/", views.confirm, name="confirm"),
    path("interactions/<uuid:pk>/cancel/", views.cancel, name="cancel"),
    path("interactions/<uuid:pk>/close/", views.close, name="close"),
    path("messages/<int:pk>/text/", text_view.message_text, name="message-text"),
    path("unmatched/", linking_views.unmatched, name="unmatched"),
    path("unmatched/<str:conversation_sid>/", linking_views.whose, name="whose"),
    path("unmatched/<str:conversation_sid>/link/", linking_views.link, name="link"),
    path("unmatched/<str:conversation_sid>/unlink/", linking_views.unlink, name="unlink"),
    path("unmatched/<str:conversation_sid>/create/", linking_views.create, name="create"),
    path("conversations/<str:conversation_sid>/read/", views.read, name="read"),
    path("conversations/<str:conversation_sid>/answer/", answer_views.answer, name="answer"),
    path("answering/<str:contact_type>/", answer_views.answer_form, name="answer-form"),
    path("timeline/<str:contact_type>/", conversation_views.timeline, name="timeline"),
    path("media/<int:pk>/<str:media_sid>/", conversation_views.media, name="media"),
    path("api/", include("flex_outbound.api.urls")),
    path("webhooks/", include("flex_outbound.webhooks.urls")),
]
