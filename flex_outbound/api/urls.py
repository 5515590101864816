"""The REST addresses, below ``api/``. ``contexts.describe`` relies on the last segments of an interaction's."""

from django.urls import path, re_path

from flex_outbound.api import (
    answers,
    attributes,
    channels,
    drafts,
    inbox,
    inviting,
    messages,
    opened,
    replies,
    requests,
    templates,
    views,
)

urlpatterns = [
    path("interactions/", views.InteractionListView.as_view(), name="interaction-list"),
    path("interactions/<uuid:pk>/", views.InteractionView.as_view(), name="interaction-detail"),
    path("interactions/<uuid:pk>/retry/", views.RetryView.as_view(), name="interaction-retry"),
    path("interactions/<uuid:pk>/confirm/", views.ConfirmView.as_view(), name="interaction-confirm"),
    path("interactions/<uuid:pk>/cancel/", views.CancelView.as_view(), name="interaction-cancel"),
    path("interactions/<uuid:pk>/open/", views.OpenNowView.as_view(), name="interaction-open"),
    path("interactions/<uuid:pk>/close/", views.CloseView.as_view(), name="interaction-close"),
    path("interactions/<uuid:pk>/attributes/", attributes.AttributesView.as_view(), name="interaction-attributes"),
    path("interactions/<uuid:pk>/outcome/", attributes.OutcomeView.as_view(), name="interaction-outcome"),
    path("requests/", requests.RequestListView.as_view(), name="request-list"),
    path("inbox/", inbox.InboxView.as_view(), name="inbox"),
    path("inbox/unread/", inbox.UnreadView.as_view(), name="unread"),
    path("conversations/<str:conversation_sid>/read/", inbox.ReadView.as_view(), name="conversation-read"),
    path(
        "conversations/<str:conversation_sid>/messages/",
        answers.ConversationMessagesView.as_view(),
        name="conversation-messages",
    ),
    path(
        "conversations/<str:conversation_sid>/templates/",
        templates.ConversationTemplatesView.as_view(),
        name="api-conversation-templates",
    ),
    path("conversations/<str:conversation_sid>/join/", opened.JoinView.as_view(), name="conversation-join"),
    path("conversations/<str:conversation_sid>/ask/", opened.AskView.as_view(), name="conversation-ask"),
    path(
        "conversations/<str:conversation_sid>/hand-over/", opened.HandOverView.as_view(), name="conversation-hand-over"
    ),
    path("conversations/<str:conversation_sid>/keep/", opened.KeepView.as_view(), name="conversation-keep"),
    path("conversations/<str:conversation_sid>/close/", opened.EndView.as_view(), name="conversation-close"),
    path("conversations/<str:conversation_sid>/invite/", inviting.InviteView.as_view(), name="conversation-invite"),
    path("conversations/<str:conversation_sid>/leave/", inviting.LeaveView.as_view(), name="conversation-leave"),
    path("messages/<int:pk>/", answers.MessageView.as_view(), name="message-detail"),
    # The id may hold slashes, where a model's primary key is text.
    path(
        "contacts/<str:contact_type>/<path:contact_id>/channels/",
        channels.ChannelsView.as_view(),
        name="contact-channels",
    ),
    path(
        "contacts/<str:contact_type>/<path:contact_id>/messages/",
        messages.ContactMessagesView.as_view(),
        name="contact-messages",
    ),
    path("replies/", replies.RepliesView.as_view(), name="reply-list"),
    path("replies/<int:pk>/", replies.ReplyView.as_view(), name="reply-detail"),
    path(
        "contacts/<str:contact_type>/<path:contact_id>/drafts/",
        drafts.ContactDraftsView.as_view(),
        name="contact-drafts",
    ),
    path(
        "contacts/<str:contact_type>/<path:contact_id>/drafts/<str:place>/",
        drafts.DraftView.as_view(),
        name="contact-draft",
    ),
    path(
        "contacts/<str:contact_type>/<path:contact_id>/templates/",
        templates.ContactTemplatesView.as_view(),
        name="contact-templates",
    ),
    path("schema/", views.SchemaView.as_view(), name="schema"),
    # Only with its slash, so that Django can still add a forgotten one.
    re_path(r"^[\s\S]*/\Z", views.NowhereView.as_view()),
]
