"""Every address of the app, to be included where the host likes: ``path("flex/", include("flex_outbound.urls"))``."""

from django.urls import include, path

from flex_outbound.views import answers, clicks, conversations, linking, opened, previews, replies, templates, texts

app_name = "flex_outbound"

urlpatterns = [
    path("compose/<str:contact_type>/<str:channel>/", clicks.compose, name="compose"),
    path("templates/<str:contact_type>/<str:channel>/", templates.choose, name="templates"),
    path("templates/<str:contact_type>/<str:channel>/<str:content_sid>/", templates.use, name="template"),
    path("send/", clicks.send, name="send"),
    path("interactions/<uuid:pk>/retry/", clicks.retry, name="retry"),
    path("interactions/<uuid:pk>/confirm/", clicks.confirm, name="confirm"),
    path("interactions/<uuid:pk>/cancel/", clicks.cancel, name="cancel"),
    path("interactions/<uuid:pk>/close/", clicks.close, name="close"),
    path("messages/<int:pk>/text/", texts.message_text, name="message-text"),
    path("unmatched/", linking.unmatched, name="unmatched"),
    path("unmatched/<str:conversation_sid>/", linking.whose, name="whose"),
    path("unmatched/<str:conversation_sid>/link/", linking.link, name="link"),
    path("unmatched/<str:conversation_sid>/unlink/", linking.unlink, name="unlink"),
    path("unmatched/<str:conversation_sid>/create/", linking.create, name="create"),
    path("conversations/<str:conversation_sid>/read/", clicks.read, name="read"),
    path("conversations/<str:conversation_sid>/answer/", answers.answer, name="answer"),
    path("conversations/<str:conversation_sid>/templates/", templates.choose_answer, name="conversation-templates"),
    path(
        "conversations/<str:conversation_sid>/templates/<str:content_sid>/",
        templates.use_answer,
        name="conversation-template",
    ),
    path("conversations/<str:conversation_sid>/add/", opened.add, name="open-add"),
    path("conversations/<str:conversation_sid>/join/", opened.join, name="open-join"),
    path("conversations/<str:conversation_sid>/ask/", opened.ask, name="open-ask"),
    path("conversations/<str:conversation_sid>/hand-over/", opened.hand_over, name="open-hand-over"),
    path("conversations/<str:conversation_sid>/keep/", opened.keep, name="open-keep"),
    path("conversations/<str:conversation_sid>/close/", opened.close, name="open-close"),
    path("open/<str:contact_type>/", opened.open_conversations, name="open-conversations"),
    path("answering/<str:contact_type>/", answers.answer_form, name="answer-form"),
    path("replies/", replies.own, name="replies"),
    path("replies/new/", replies.new, name="reply-new"),
    path("replies/<int:pk>/", replies.edit, name="reply-edit"),
    path("replies/<int:pk>/delete/", replies.delete, name="reply-delete"),
    path("replies/panel/", replies.panel, name="replies-panel"),
    path("replies/choose/", replies.choose, name="replies-choose"),
    path("replies/use/", replies.use, name="replies-use"),
    path("preview/", previews.preview, name="preview"),
    path("preview/back/", previews.back, name="preview-back"),
    path("timeline/<str:contact_type>/", conversations.timeline, name="timeline"),
    path("media/<int:pk>/<str:media_sid>/", conversations.media, name="media"),
    path("api/", include("flex_outbound.api.urls")),
    path("webhooks/", include("flex_outbound.webhooks.urls")),
]
