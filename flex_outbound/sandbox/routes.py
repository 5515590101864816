"""The handlers by product and path. Paths are written as in Twilio's documentation."""

from __future__ import annotations

from flex_outbound.sandbox import accounts, consents, content, media, senders
from flex_outbound.sandbox.conversations import (
    addresses,
    messages,
    participants,
    resources,
    roles,
    services,
    together,
    users,
)
from flex_outbound.sandbox.conversations import configuration as conversation_configuration
from flex_outbound.sandbox.conversations import webhooks as conversation_webhooks
from flex_outbound.sandbox.errors import not_found
from flex_outbound.sandbox.flex import channels, configuration, interactions, invites, transfers, webhooks
from flex_outbound.sandbox.taskrouter import (
    creation,
    events,
    reservations,
    statistics,
    tasks,
    worker_parts,
    workers,
    workspaces,
)
from flex_outbound.sandbox.wire import Call, Handler, Reply

Table = list[tuple[str, dict[str, Handler]]]


def _resource(
    path: str,
    listing: Handler | None = None,
    create: Handler | None = None,
    fetch: Handler | None = None,
    update: Handler | None = None,
    delete: Handler | None = None,
    item: str = "{sid}",
) -> Table:
    """Return the two usual paths of a resource: the collection and the ``item``."""
    many = {"GET": listing, "POST": create}
    one = {"GET": fetch, "POST": update, "DELETE": delete}
    paths = ((path, many), (f"{path}/{item}", one))
    return [
        (where, {method: handler for method, handler in handlers.items() if handler})
        for where, handlers in paths
        if any(handlers.values())
    ]


def _of_service(handlers: dict[str, Handler]) -> dict[str, Handler]:
    """Return ``handlers`` for a path under ``/v1/Services/{service}``; an unknown service is 20404."""

    def checked(handler: Handler) -> Handler:
        def handle(call: Call) -> Reply:
            if call.params["service"] not in call.world.services:
                raise not_found(call.path)
            return handler(call)

        return handle

    return {method: checked(handler) for method, handler in handlers.items()}


CHANNELS = "/v1/Interactions/{interaction}/Channels"
HOOKS = "/v1/Instances/{instance}/InteractionWebhooks"
FLEX: Table = [
    ("/v1/Configuration", {"GET": configuration.fetch_configuration}),
    *_resource(
        "/v1/Interactions",
        create=interactions.create_interaction,
        fetch=interactions.fetch_interaction,
        update=interactions.update_interaction,
        item="{interaction}",
    ),
    *_resource(
        CHANNELS,
        channels.list_channels,
        fetch=channels.fetch_channel,
        update=channels.update_channel,
        item="{channel}",
    ),
    *_resource(CHANNELS + "/{channel}/Invites", invites.list_invites, invites.create_invite),
    *_resource(
        CHANNELS + "/{channel}/Transfers",
        create=transfers.create_transfer,
        fetch=transfers.fetch_transfer,
        update=transfers.update_transfer,
        item="{transfer}",
    ),
    *_resource(
        CHANNELS + "/{channel}/Participants",
        channels.list_participants,
        channels.create_participant,
        update=channels.update_participant,
        item="{participant}",
    ),
    *_resource(
        HOOKS,
        webhooks.list_webhooks,
        webhooks.create_webhook,
        webhooks.fetch_webhook,
        webhooks.update_webhook,
        webhooks.delete_webhook,
        item="{ttid}",
    ),
]

SPACE = "/v1/Workspaces/{workspace}"
STATISTICS: Table = [
    (f"{SPACE}{where}/{kind}", {"GET": handler})
    for where, handlers in {
        "": statistics.OF_WORKSPACE,
        "/Workers": statistics.OF_WORKERS,
        "/TaskQueues/{sid}": statistics.OF_QUEUE,
        "/Workflows/{sid}": statistics.OF_WORKFLOW,
    }.items()
    for kind, handler in handlers.items()
]
TASKROUTER: Table = [
    *_resource(
        "/v1/Workspaces",
        workspaces.list_workspaces,
        fetch=workspaces.fetch_workspace,
        update=workspaces.update_workspace,
        item="{workspace}",
    ),
    *_resource(
        SPACE + "/Tasks",
        tasks.list_tasks,
        creation.create_task,
        fetch=tasks.fetch_task,
        update=tasks.update_task,
        delete=tasks.delete_task,
        item="{task}",
    ),
    *_resource(
        SPACE + "/Tasks/{task}/Reservations",
        reservations.list_reservations,
        fetch=reservations.fetch_reservation,
        update=reservations.update_reservation,
        item="{reservation}",
    ),
    # Before the workers and the queues, since "Statistics" would be taken for a SID.
    *STATISTICS,
    (SPACE + "/Workers/{worker}/Statistics", {"GET": statistics.worker_statistics}),
    (SPACE + "/TaskQueues/Statistics", {"GET": statistics.list_queue_statistics}),
    (SPACE + "/TaskQueues/RealTimeStatistics", {"POST": statistics.bulk_queue_statistics}),
    *_resource(
        SPACE + "/Workers",
        workers.list_workers,
        workers.create_worker,
        workers.fetch_worker,
        workers.update_worker,
        workers.delete_worker,
        item="{worker}",
    ),
    *_resource(
        SPACE + "/Workers/{worker}/Channels",
        worker_parts.list_channels,
        fetch=worker_parts.fetch_channel,
        update=worker_parts.update_channel,
        item="{worker_channel}",
    ),
    *_resource(
        SPACE + "/Workers/{worker}/Reservations",
        worker_parts.list_reservations,
        fetch=worker_parts.fetch_reservation,
        update=worker_parts.update_reservation,
        item="{reservation}",
    ),
    *_resource(SPACE + "/Events", events.list_events, fetch=events.fetch_event),
    *_resource(SPACE + "/Activities", workspaces.list_activities, fetch=workspaces.fetch_activity),
    *_resource(
        SPACE + "/TaskQueues",
        workspaces.list_queues,
        fetch=workspaces.fetching(lambda space: space.queues, workspaces.show_queue),
    ),
    *_resource(
        SPACE + "/Workflows",
        workspaces.listing("workflows", lambda space: space.workflows, workspaces.show_workflow),
        fetch=workspaces.fetching(lambda space: space.workflows, workspaces.show_workflow),
    ),
    *_resource(
        SPACE + "/TaskChannels",
        workspaces.listing("channels", lambda space: space.task_channels, workspaces.show_task_channel),
        fetch=workspaces.fetch_task_channel,
    ),
]

TALK = "/Conversations/{conversation}"
IN_CONVERSATIONS: Table = [
    *_resource(
        "/Conversations",
        resources.list_conversations,
        resources.create_conversation,
        resources.fetch_conversation,
        resources.update_conversation,
        resources.delete_conversation,
        item="{conversation}",
    ),
    *_resource(
        TALK + "/Participants",
        participants.list_participants,
        participants.create_participant,
        participants.fetch_participant,
        participants.update_participant,
        participants.delete_participant,
        item="{participant}",
    ),
    *_resource(
        TALK + "/Messages",
        messages.list_messages,
        messages.create_message,
        messages.fetch_message,
        messages.update_message,
        messages.delete_message,
        item="{message}",
    ),
    *_resource(
        TALK + "/Messages/{message}/Receipts",
        messages.list_receipts,
        fetch=messages.fetch_receipt,
        item="{receipt}",
    ),
    *_resource(
        TALK + "/Webhooks",
        conversation_webhooks.list_webhooks,
        conversation_webhooks.create_webhook,
        conversation_webhooks.fetch_webhook,
        conversation_webhooks.update_webhook,
        conversation_webhooks.delete_webhook,
        item="{webhook}",
    ),
    ("/ConversationWithParticipants", {"POST": together.create_together}),
    ("/ParticipantConversations", {"GET": resources.list_participant_conversations}),
    *_resource(
        "/Roles",
        roles.list_roles,
        roles.create_role,
        roles.fetch_role,
        roles.update_role,
        roles.delete_role,
        item="{role}",
    ),
    *_resource(
        "/Users",
        users.list_users,
        users.create_user,
        users.fetch_user,
        users.update_user,
        users.delete_user,
        item="{user}",
    ),
    *_resource(
        "/Users/{user}/Conversations",
        users.list_user_conversations,
        fetch=users.fetch_user_conversation,
        update=users.update_user_conversation,
        delete=users.delete_user_conversation,
        item="{conversation}",
    ),
    (
        "/Configuration/Webhooks",
        {
            "GET": conversation_webhooks.fetch_service_webhooks,
            "POST": conversation_webhooks.update_service_webhooks,
        },
    ),
]
SERVICE = "/v1/Services/{service}"
OF_SERVICES: Table = [
    (
        "/Configuration",
        {
            "GET": conversation_configuration.fetch_service_configuration,
            "POST": conversation_configuration.update_service_configuration,
        },
    ),
    (
        "/Configuration/Notifications",
        {
            "GET": conversation_configuration.fetch_notifications,
            "POST": conversation_configuration.update_notifications,
        },
    ),
    ("/Bindings", {"GET": services.list_bindings}),
]
CONVERSATIONS: Table = [
    (
        "/v1/Configuration",
        {
            "GET": conversation_configuration.fetch_configuration,
            "POST": conversation_configuration.update_configuration,
        },
    ),
    *_resource(
        "/v1/Configuration/Addresses",
        addresses.list_addresses,
        addresses.create_address,
        addresses.fetch_address,
        addresses.update_address,
        addresses.delete_address,
    ),
    *_resource(
        "/v1/Services",
        services.list_services,
        services.create_service,
        services.fetch_service,
        delete=services.delete_service,
        item="{service}",
    ),
    *[(f"/v1{path}", handlers) for path, handlers in IN_CONVERSATIONS],
    *[(SERVICE + path, _of_service(handlers)) for path, handlers in [*IN_CONVERSATIONS, *OF_SERVICES]],
]

CONTENT: Table = [
    ("/v1/Content/{content}/ApprovalRequests", {"GET": content.fetch_approval}),
    *_resource("/v1/Content", content.list_content, fetch=content.fetch_content, item="{content}"),
    ("/v2/Content", {"GET": content.list_content}),
    ("/v1/ContentAndApprovals", {"GET": content.list_approvals}),
    ("/v2/ContentAndApprovals", {"GET": content.list_approvals}),
]

MESSAGING: Table = [
    *_resource("/v2/Channels/Senders", senders.list_senders, fetch=senders.fetch_sender),
]

ACCOUNTS = "/2010-04-01/Accounts/{account}"
API: Table = [
    (ACCOUNTS + ".json", {"GET": accounts.fetch_account}),
    (ACCOUNTS + "/IncomingPhoneNumbers.json", {"GET": accounts.list_phone_numbers}),
    (ACCOUNTS + "/IncomingPhoneNumbers/{number}.json", {"GET": accounts.fetch_phone_number}),
]

MEDIA: Table = [
    ("/v1/Services/{service}/Media", {"POST": media.create_media}),
    ("/v1/Services/{service}/Media/{media}", {"GET": media.fetch_media}),
    ("/v1/Services/{service}/Media/{media}/Content", {"GET": media.fetch_content}),
]

TABLES: dict[str, Table] = {
    "flex-api": FLEX,
    "taskrouter": TASKROUTER,
    "conversations": CONVERSATIONS,
    "content": CONTENT,
    "messaging": MESSAGING,
    "api": API,
    "accounts": [("/v1/Consents/Bulk", {"POST": consents.create_consents})],
    "mcs": MEDIA,
}
