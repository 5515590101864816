"""Which handler answers which path of which product; paths are written as Twilio's API documents them."""

from __future__ import annotations

from flex_outbound.sandbox.conversations import messages
from flex_outbound.sandbox.flex import channels, interactions
from flex_outbound.sandbox.taskrouter import events, tasks
from flex_outbound.sandbox.wire import Handler

Table = list[tuple[str, dict[str, Handler]]]

CHANNEL = "/v1/Interactions/{interaction}/Channels"
FLEX: Table = [
    ("/v1/Interactions", {"POST": interactions.create_interaction}),
    (
        "/v1/Interactions/{interaction}",
        {"GET": interactions.fetch_interaction, "POST": interactions.update_interaction},
    ),
    (CHANNEL, {"GET": channels.list_channels}),
    (CHANNEL + "/{channel}", {"GET": channels.fetch_channel, "POST": channels.update_channel}),
    (CHANNEL + "/{channel}/Invites", {"GET": channels.list_invites, "POST": channels.create_invite}),
    (
        CHANNEL + "/{channel}/Participants",
        {"GET": channels.list_participants, "POST": channels.create_participant},
    ),
    (CHANNEL + "/{channel}/Participants/{participant}", {"POST": channels.update_participant}),
]

WORKSPACE = "/v1/Workspaces/{workspace}"
TASKROUTER: Table = [
    (WORKSPACE + "/Tasks", {"GET": tasks.list_tasks}),
    (
        WORKSPACE + "/Tasks/{task}",
        {"GET": tasks.fetch_task, "POST": tasks.update_task, "DELETE": tasks.delete_task},
    ),
    (WORKSPACE + "/Events", {"GET": events.list_events}),
    (WORKSPACE + "/Events/{sid}", {"GET": events.fetch_event}),
]

CONVERSATION = "/v1/Conversations/{conversation}"
CONVERSATIONS: Table = [
    (CONVERSATION + "/Messages", {"GET": messages.list_messages, "POST": messages.create_message}),
    (
        CONVERSATION + "/Messages/{message}",
        {"GET": messages.fetch_message, "POST": messages.update_message, "DELETE": messages.delete_message},
    ),
    (CONVERSATION + "/Messages/{message}/Receipts", {"GET": messages.list_receipts}),
    (CONVERSATION + "/Messages/{message}/Receipts/{receipt}", {"GET": messages.fetch_receipt}),
]

CONTENT: Table = []

TABLES: dict[str, Table] = {
    "flex-api": FLEX,
    "taskrouter": TASKROUTER,
    "conversations": CONVERSATIONS,
    "content": CONTENT,
}
