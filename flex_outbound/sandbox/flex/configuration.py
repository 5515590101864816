"""The Flex configuration of an account. https://www.twilio.com/docs/flex/developer/config/flex-configuration-rest-api"""

from __future__ import annotations

from flex_outbound.sandbox.wire import Call, Reply, resource_url

CREATED = "2025-01-15T09:00:00Z"
NULLS = (
    "taskrouter_target_taskqueue_sid",
    "taskrouter_worker_attributes",
    "messaging_service_instance_sid",
    "call_recording_webhook_url",
    "crm_type",
    "crm_callback_url",
    "crm_fallback_url",
    "crm_attributes",
    "public_attributes",
    "outbound_call_flows",
    "queue_stats_configuration",
    "notifications",
    "markdown",
    "flex_insights_hr",
    "flex_url",
    "debugger_integration",
    "flex_ui_status_report",
    "agent_conv_end_methods",
    "citrix_voice_vdi",
    "offline_config",
)


def fetch_configuration(call: Call) -> Reply:
    """GET Configuration: where ``flex_instance_sid`` and the workspace's SID are found."""
    world = call.world
    workspace = next(iter(world.workspaces.values()))
    offline = next(one for one in workspace.activities.values() if one.name == workspace.default_activity)
    body: dict[str, object] = dict.fromkeys(NULLS)
    return Reply(
        body
        | {
            "account_sid": world.account_sid,
            "attributes": {},
            "status": "ok",
            "taskrouter_workspace_sid": workspace.sid,
            "taskrouter_target_workflow_sid": next(iter(workspace.workflows)),
            "taskrouter_taskqueues": [{"sid": sid, "targettable": True} for sid in workspace.queues],
            "taskrouter_skills": [],
            "taskrouter_worker_channels": {},
            "taskrouter_offline_activity_sid": offline.sid,
            "runtime_domain": "https://flex.twilio.com",
            "chat_service_instance_sid": world.chat_service_sid,
            "flex_service_instance_sid": world.chat_service_sid,
            "flex_instance_sid": world.flex_instance_sid,
            "ui_language": "en",
            "ui_attributes": {},
            "ui_dependencies": {},
            "ui_version": call.query.get("UiVersion") or "2.13.0",
            "service_version": "1.0.0",
            "call_recording_enabled": False,
            "crm_enabled": False,
            "plugin_service_enabled": True,
            "plugin_service_attributes": {},
            "integrations": [],
            "serverless_service_sids": [],
            "flex_insights_drilldown": False,
            "channel_configs": [],
            "date_created": CREATED,
            "date_updated": CREATED,
            "url": resource_url("flex-api", "/v1/Configuration"),
        }
    )
