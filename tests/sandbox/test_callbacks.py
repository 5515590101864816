"""Webhooks: who is called, what is said, how it is signed, when it is tried again."""

from __future__ import annotations

import httpx
import pytest
from twilio.base.exceptions import TwilioException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from flex_outbound.sandbox import defaults
from flex_outbound.sandbox.signing import signature

from .conftest import CUSTOMER, Control, Receiver, Start, Started, channel_of, eventually, routing_of

HOOKS = f"/flex-api/v1/Instances/{defaults.FLEX_INSTANCE_SID}/InteractionWebhooks"
VALIDATOR = RequestValidator(defaults.AUTH_TOKEN)


def listen(client: Client, url: str, events: str = "") -> None:
    client.taskrouter.v1.workspaces(defaults.WORKSPACE_SID).update(event_callback_url=url, events_filter=events)


def attempts(control: Control) -> list[list[object]]:
    return [[one["status"] for one in log["attempts"]] for log in control.get("/state")["callbacks"]]


def test_the_published_vector_of_the_signature() -> None:
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert signature("12345", url, form) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    assert signature("12345", url + "#rc=3&rp=all", form) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def test_taskrouter_calls_with_everything_about_the_task(client: Client, start: Start, receiver: Receiver) -> None:
    url = receiver.url + "/taskrouter/?account=1"
    listen(client, url)
    made = start(attributes={"flexOutboundKey": "k"})
    call = eventually(lambda: receiver.of("reservation.created"))[0]
    form = call["form"]
    assert form["AccountSid"] == defaults.ACCOUNT_SID
    assert (form["WorkspaceSid"], form["WorkspaceName"]) == (defaults.WORKSPACE_SID, defaults.WORKSPACE_NAME)
    assert (form["ResourceType"], form["TaskSid"]) == ("reservation", made.task)
    assert form["ResourceSid"] == form["ReservationSid"]
    assert form["TaskAttributes"] == made.properties["attributes"]
    assert (form["TaskPriority"], form["TaskAssignmentStatus"]) == ("0", "reserved")
    assert (form["TaskQueueSid"], form["WorkflowSid"]) == (defaults.QUEUES["Outbound"], defaults.WORKFLOW_SID)
    assert (form["WorkerSid"], form["WorkerName"]) == (defaults.WORKERS["agent"], "agent")
    assert form["Sid"].startswith("EV")
    assert form["Timestamp"].isdigit()
    assert form["TaskAge"].isdigit()
    assert form["EventDescription"]
    assert call["headers"]["I-Twilio-Idempotency-Token"]
    assert VALIDATOR.validate(url, form, call["headers"]["X-Twilio-Signature"])


def test_an_ended_task_says_why(client: Client, start: Start, receiver: Receiver, control: Control) -> None:
    listen(client, receiver.url, "task.canceled, task.completed")
    first, second = start(), start(address="+15550000001")
    tasks = client.taskrouter.v1.workspaces(defaults.WORKSPACE_SID).tasks
    tasks(first.task).update(assignment_status="canceled", reason="wrong number")
    control.post(f"/tasks/{second.task}/accept")
    tasks(second.task).update(assignment_status="completed", reason="all done")
    assert eventually(lambda: receiver.of("task.canceled"))[0]["form"]["TaskCanceledReason"] == "wrong number"
    assert eventually(lambda: receiver.of("task.completed"))[0]["form"]["TaskCompletedReason"] == "all done"
    assert {call["form"]["EventType"] for call in receiver.calls} == {"task.canceled", "task.completed"}


def test_the_events_sid_can_be_left_out(client: Client, start: Start, receiver: Receiver, control: Control) -> None:
    control.options(callback_event_sid=False)
    listen(client, receiver.url, "task.created")
    start()
    assert "Sid" not in eventually(lambda: receiver.of("task.created"))[0]["form"]


def test_a_fragment_is_neither_sent_nor_signed(client: Client, start: Start, receiver: Receiver) -> None:
    listen(client, receiver.url + "/hook#rc=2&rp=all", "task.created")
    start()
    call = eventually(lambda: receiver.of("task.created"))[0]
    assert call["path"] == "/hook"
    assert VALIDATOR.validate(receiver.url + "/hook", call["form"], call["headers"]["X-Twilio-Signature"])


@pytest.mark.parametrize(
    ("fragment", "expected"),
    [("", [500]), ("#rc=3&rp=all", [500, 503, 204]), ("#rc=1&rp=5xx", [500, 503]), ("#rc=0", [500])],
)
def test_errors_are_tried_again_only_where_the_fragment_asks(
    client: Client, start: Start, receiver: Receiver, control: Control, fragment: str, expected: list[int]
) -> None:
    receiver.statuses[:] = [500, 503, 204]
    listen(client, receiver.url + fragment, "task.created")
    start()
    eventually(lambda: attempts(control) == [expected])
    tokens = {call["headers"]["I-Twilio-Idempotency-Token"] for call in receiver.calls}
    assert len(tokens) == 1


def test_a_refused_connection_is_tried_once_more(client: Client, start: Start, control: Control) -> None:
    listen(client, "http://127.0.0.1:9", "task.created")
    start()
    log = eventually(lambda: control.get("/state")["callbacks"])
    eventually(lambda: attempts(control) == [[None, None]])
    assert log[0]["event"] == "task.created"


@pytest.mark.parametrize("host", ["a..example", "x" * 64 + ".example", "nobody.invalid:1#rc=no"])
def test_an_address_that_cannot_be_called_harms_nobody(
    host: str, client: Client, start: Start, control: Control
) -> None:
    listen(client, f"http://{host}", "task.created")
    start()
    # A name that is not found is a failed connection, which is tried once more.
    eventually(lambda: attempts(control) == [[None, None]])


def test_a_callback_can_come_twice(client: Client, start: Start, receiver: Receiver, control: Control) -> None:
    control.fault("callback_twice", {"product": "taskrouter", "body": "task.created"})
    listen(client, receiver.url)
    start()
    both = eventually(lambda: len(receiver.of("task.created")) == 2 and receiver.of("task.created"))
    assert both[0]["form"] == both[1]["form"]


def test_a_callback_can_be_lost(client: Client, start: Start, receiver: Receiver, control: Control) -> None:
    control.fault("callback_lost", {"body": "task.created"})
    listen(client, receiver.url)
    start()
    eventually(lambda: receiver.of("reservation.created"))
    assert receiver.of("task.created") == []
    assert control.get("/state")["callbacks"][0]["faults"] == ["callback_lost"]


def test_a_callback_can_be_late(client: Client, start: Start, receiver: Receiver, control: Control) -> None:
    control.fault("callback_late", {"path": "127.0.0.1", "body": "task.created"}, ms=150)
    listen(client, receiver.url)
    start()
    eventually(lambda: receiver.of("task.created"))
    assert receiver.calls[-1]["form"]["EventType"] == "task.created"


def test_a_callback_can_be_forged(client: Client, start: Start, receiver: Receiver, control: Control) -> None:
    control.fault("callback_forged")
    listen(client, receiver.url, "task.created")
    start()
    call = eventually(lambda: receiver.of("task.created"))[0]
    assert not VALIDATOR.validate(receiver.url, call["form"], call["headers"]["X-Twilio-Signature"])


def test_rest_messages_call_only_with_the_header_and_customers_always(
    client: Client, start: Start, receiver: Receiver, control: Control
) -> None:
    client.conversations.v1.configuration.webhooks().update(
        post_webhook_url=receiver.url + "/c", filters=["onMessageAdded"], method="POST"
    )
    made = start()
    messages = client.conversations.v1.conversations(made.conversation).messages
    messages.create(body="silent")
    loud = messages.create(body="loud", x_twilio_webhook_enabled="true")
    control.post("/messages", {"address": CUSTOMER, "body": "from me"})
    eventually(lambda: len(receiver.of("onMessageAdded")) == 2)
    forms = {call["form"]["Body"]: call["form"] for call in receiver.of("onMessageAdded")}
    assert set(forms) == {"loud", "from me"}
    assert forms["loud"]["MessageSid"] == loud.sid
    assert (forms["loud"]["ConversationSid"], forms["loud"]["Index"]) == (made.conversation, "1")
    assert (forms["from me"]["Author"], forms["from me"]["Source"]) == (CUSTOMER, "SDK")
    assert forms["from me"]["ParticipantSid"].startswith("MB")
    call = receiver.calls[0]
    assert VALIDATOR.validate(receiver.url + "/c", call["form"], call["headers"]["X-Twilio-Signature"])


def test_states_participants_and_deliveries_are_told(
    client: Client, start: Start, receiver: Receiver, control: Control
) -> None:
    wanted = ["onConversationAdded", "onParticipantAdded", "onDeliveryUpdated", "onConversationStateUpdated"]
    client.conversations.v1.configuration.webhooks().update(post_webhook_url=receiver.url, filters=wanted)
    made = start("whatsapp", f"whatsapp:{CUSTOMER}")
    client.conversations.v1.conversations(made.conversation).messages.create(body="x")
    report = eventually(lambda: receiver.of("onDeliveryUpdated"))[0]["form"]
    assert (report["Status"], report["ErrorCode"]) == ("failed", "63016")
    control.post(f"/tasks/{made.task}/accept")
    control.post(f"/tasks/{made.task}/complete")
    change = eventually(lambda: receiver.of("onConversationStateUpdated"))[0]["form"]
    assert (change["StateFrom"], change["StateTo"], change["Reason"]) == ("active", "closed", "EVENT")
    joined = eventually(lambda: len(receiver.of("onParticipantAdded")) == 2 and receiver.of("onParticipantAdded"))
    bound = next(one["form"] for one in joined if "MessagingBinding.Address" in one["form"])
    assert bound["MessagingBinding.ProxyAddress"] == defaults.WHATSAPP_SENDER
    assert receiver.of("onConversationAdded")[0]["form"]["ConversationSid"] == made.conversation


def test_a_conversation_can_have_a_webhook_of_its_own_even_by_get(
    client: Client, start: Start, receiver: Receiver, control: Control
) -> None:
    made = start()
    client.conversations.v1.conversations(made.conversation).webhooks.create(
        target="webhook",
        configuration_url=receiver.url + "/own?x=1",
        configuration_method="get",
        configuration_filters=["onMessageAdded"],
    )
    control.post("/messages", {"address": CUSTOMER, "body": "hi there"})
    call = eventually(lambda: receiver.calls)[0]
    assert call["method"] == "GET"
    assert call["path"].startswith("/own?x=1&AccountSid=")
    assert VALIDATOR.validate(receiver.url + call["path"], {}, call["headers"]["X-Twilio-Signature"])


def test_interaction_webhooks_are_registered_and_called(raw: httpx.Client, start: Start, receiver: Receiver) -> None:
    events = ["onInteractionCreated", "onChannelStatusUpdated"]
    form = {"WebhookUrl": receiver.url + "/i", "WebhookEvents": events, "WebhookMethod": "POST"}
    made = raw.post(HOOKS, data={**form, "Type": "global", "FriendlyName": "ours"})
    assert made.status_code == 201
    webhook = made.json()
    assert webhook["ttid"].startswith("flex_interactionwebhook_")
    assert (webhook["webhook_events"], webhook["type"]) == (events, "global")
    interaction = start()
    active = eventually(lambda: receiver.of("onChannelStatusUpdated"))[0]
    assert active["form"]["ChannelStatus"] == "active"
    assert active["form"]["InteractionSid"] == interaction.sid
    assert VALIDATOR.validate(receiver.url + "/i", active["form"], active["headers"]["X-Twilio-Signature"])
    path = f"{HOOKS}/{webhook['ttid']}"
    assert raw.get(HOOKS).json()["data"][0]["friendly_name"] == "ours"
    assert raw.get(HOOKS, params={"type": "interaction"}).json()["data"] == []
    assert raw.get(HOOKS, params={"type": "x"}).json()["code"] == 20001
    assert raw.post(path, data={"WebhookEvents": "onChannelCreated"}).json()["webhook_events"] == ["onChannelCreated"]
    assert raw.get(path).json()["webhook_url"] == receiver.url + "/i"
    assert raw.delete(path).status_code == 204
    assert raw.get(path).status_code == 404


def test_a_webhook_of_one_interaction_hears_of_that_one_only(
    raw: httpx.Client, client: Client, start: Start, receiver: Receiver, control: Control
) -> None:
    form = {"WebhookUrl": receiver.url, "Filters": "onParticipantJoined", "Method": "POST"}
    ttid = raw.post(HOOKS, data={**form, "Type": "interaction"}).json()["ttid"]
    mine, other = start(), start(address="+15550000001")
    client.flex_api.v1.interaction(mine.sid).update(webhook_ttid=ttid)
    # The customers may have joined by now, before anybody listened; the agents join when the test says so.
    for task in (other.task, mine.task):
        control.post(f"/tasks/{task}/accept")
    eventually(lambda: "agent" in [call["form"]["ParticipantType"] for call in receiver.of("onParticipantJoined")])
    told = [log["form"] for log in control.get("/state")["callbacks"]]
    assert {form["InteractionSid"] for form in told} == {mine.sid}


MEDIA = ("ChannelSid", "MediaChannelSid", "MediaChannelType")
PARTICIPANT = ("ParticipantSid", "ParticipantType")


@pytest.mark.parametrize(
    ("event", "has", "lacks"),
    [
        ("onInteractionCreated", (), (*MEDIA, *PARTICIPANT, "TaskSid")),
        ("onChannelCreated", MEDIA, (*PARTICIPANT, "TaskSid")),
        ("onChannelStatusUpdated", (*MEDIA, "ChannelStatus"), PARTICIPANT),
        ("onParticipantJoined", (*MEDIA, *PARTICIPANT, "TaskSid"), ("ChannelStatus",)),
        ("onParticipantUpdated", (*MEDIA, *PARTICIPANT, "TaskSid"), ("ChannelStatus",)),
        ("onParticipantLeft", (*MEDIA, *PARTICIPANT, "TaskSid"), ("ChannelStatus",)),
    ],
)
def test_each_event_of_an_interaction_bears_what_twilio_sends(
    event: str, has: tuple[str, ...], lacks: tuple[str, ...], raw: httpx.Client, client: Client, control: Control
) -> None:
    raw.post(HOOKS, data={"WebhookUrl": "http://127.0.0.1:9/", "WebhookEvents": event})
    made = Started(client.flex_api.v1.interaction.create(channel=channel_of(), routing=routing_of()))
    control.post(f"/tasks/{made.task}/accept")
    participants = client.flex_api.v1.interaction(made.sid).channels(made.channel).participants
    agent = next(one for one in participants.list() if one.type == "agent")
    agent.update(status="wrapup")
    agent.update(status="closed")

    def told() -> list[dict[str, str]]:
        forms = [one["form"] for one in control.get("/state")["callbacks"] if one["product"] == "flex-api"]
        return [form for form in forms if form.get("ParticipantType", "agent") == "agent"]

    form = eventually(told)[0]
    common = {"EventType": event, "AccountSid": defaults.ACCOUNT_SID, "InteractionSid": made.sid}
    assert common.items() <= form.items()
    assert form["InstanceSid"] == form["FlexInstanceSid"] == defaults.FLEX_INSTANCE_SID
    assert set(has) <= set(form)
    assert not set(lacks) & set(form)
    if "MediaChannelSid" in has:
        medium = (form["ChannelSid"], form["MediaChannelSid"], form["MediaChannelType"])
        assert medium == (made.channel, made.conversation, "sms")


def test_a_failed_set_up_is_told_with_its_code(
    raw: httpx.Client, start: Start, receiver: Receiver, control: Control
) -> None:
    raw.post(HOOKS, data={"WebhookUrl": receiver.url, "WebhookEvents": "onChannelCreateFailed"})
    control.fault("channel_failed")
    start()
    form = eventually(lambda: receiver.of("onChannelCreateFailed"))[0]["form"]
    assert (form["ErrorCode"], form["ErrorMessage"]) == ("45370", "Channel set-up failed")


@pytest.mark.parametrize(
    "form",
    [
        {"WebhookEvents": "onChannelCreated"},
        {"WebhookUrl": "https://x.example"},
        {"WebhookUrl": "https://x.example", "WebhookEvents": "onWhatever"},
        {"WebhookUrl": "https://x.example", "WebhookEvents": "onChannelCreated", "Type": "none"},
    ],
)
def test_a_registration_that_makes_no_sense_is_refused(raw: httpx.Client, form: dict[str, str]) -> None:
    assert raw.post(HOOKS, data=form).json()["code"] == 20001


def test_another_flex_instance_is_unknown(raw: httpx.Client) -> None:
    path = HOOKS.replace(defaults.FLEX_INSTANCE_SID, defaults.ACCOUNT2_FLEX_INSTANCE_SID)
    assert raw.get(path).status_code == 404


def test_a_service_s_own_webhooks_take_the_place_of_the_account_s(
    client: Client, start: Start, receiver: Receiver, control: Control
) -> None:
    account = client.conversations.v1.configuration.webhooks()
    service = client.conversations.v1.services(defaults.CHAT_SERVICE_SID).configuration.webhooks()
    account.update(post_webhook_url=receiver.url + "/account", filters=["onConversationAdded"], method="POST")
    assert service.fetch().post_webhook_url is None
    service.update(post_webhook_url=receiver.url + "/service", filters=["onConversationAdded"], method="POST")
    start()
    assert [call["path"] for call in eventually(lambda: receiver.of("onConversationAdded"))] == ["/service"]


def test_the_account_s_webhooks_may_lead_into_flex(client: Client, start: Start, receiver: Receiver) -> None:
    listen(client, receiver.url + "/taskrouter")
    account = client.conversations.v1.configuration.webhooks()
    account.update(post_webhook_url=receiver.url, filters=["onConversationAdded"], method="POST", target="flex")
    assert account.fetch().target == "flex"
    start()
    eventually(lambda: receiver.of("reservation.created"))
    assert receiver.of("onConversationAdded") == []
    with pytest.raises(TwilioException):
        account.update(target="pigeon")
