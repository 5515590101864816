"""For the tests of projects that use this app: a Flex in memory, and the pipeline without a broker.

    from flex_outbound import testing

    with testing.flex() as flex:
        flex.set_up(agent)
        client.post("/flex/api/interactions/", {"contact_type": "shop.customer", "contact_id": "1", "channel": "sms"})
        flex.run_pending()
        assert flex.interactions[0].address == "+14155550123"

docs/testing.md has more examples.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import AbstractUser, Permission
from django.db import router
from django.db.models import DateTimeField, F, Min, Model
from django.test import TestCase, override_settings
from django.urls import reverse
from django.utils import timezone

from flex_outbound.channels import Channel
from flex_outbound.conf import RATE_LIMITS
from flex_outbound.exceptions import GatewayError, NotAccepted, OutcomeUnknown, Refused
from flex_outbound.gateway import callbacks
from flex_outbound.gateway.base import Connection, InteractionRequest, MessageRequest
from flex_outbound.gateway.classify import error_for
from flex_outbound.gateway.memory import MemoryGateway
from flex_outbound.models import Account, Interaction, Sender, Source, Worker
from flex_outbound.outbox import gateways, jobs, sweep
from flex_outbound.setup.comparing import EVENTS
from flex_outbound.sids import SidKind

__all__ = [
    "Flex",
    "MemoryGateway",
    "NotAccepted",
    "OutcomeUnknown",
    "Refused",
    "flex",
    "pass_time",
    "register_callbacks",
    "run_pending",
]

ADDRESSES: Final = {
    Channel.SMS: "+15005550006",
    Channel.WHATSAPP: "+15005550006",
    Channel.EMAIL: "support@example.com",
}
"""The addresses of the senders that ``Flex.set_up`` creates."""

MAX_ROUNDS: Final = 100
MIN_STEP: Final = 0.5
_TIMED: Final = (
    *("Interaction", "DispatchAttempt", "Message", "Closing", "TaskUpdate", "WebhookEvent", "Heartbeat", "Presence"),
)
_SANDBOX_TIMEOUT: Final = (3.0, 3.0)


class Flex:
    """Twilio Flex in memory, as ``flex()`` gives it. ``gateway`` is the double itself, for what is not offered here."""

    def __init__(self) -> None:
        self.gateway = MemoryGateway()

    @property
    def interactions(self) -> list[InteractionRequest]:
        """The interactions that were opened, in order: ``channel``, ``address``, ``worker_sid``, ``key`` and more."""
        return self.gateway.interactions

    @property
    def messages(self) -> list[MessageRequest]:
        """The messages that were sent, in order: ``body``, ``subject``, ``conversation_sid`` and more."""
        return self.gateway.messages

    def set_up(self, *agents: AbstractUser) -> Account:
        """Create an account and one default sender per channel. Each agent becomes a worker who may send."""
        account = Account.objects.create(
            name="Test",
            account_sid=_sid(SidKind.ACCOUNT, 1),
            api_key_sid=_sid(SidKind.API_KEY, 1),
            api_key_secret="secret",  # noqa: S106
            workspace_sid=_sid(SidKind.WORKSPACE, 1),
            workflow_sid=_sid(SidKind.WORKFLOW, 1),
        )
        for channel, address in ADDRESSES.items():
            Sender.objects.create(
                account=account,
                channel=channel,
                address=address,
                display_name="Test",
                queue_sid=_sid(SidKind.TASK_QUEUE, 1),
                is_default=True,
            )
        may_send = Permission.objects.get(content_type__app_label="flex_outbound", codename="add_interaction")
        for number, agent in enumerate(agents, start=1):
            agent.user_permissions.add(may_send)
            Worker.objects.create(
                account=account,
                user_id=agent.pk,
                worker_sid=_sid(SidKind.WORKER, number),
                friendly_name=agent.get_username(),
            )
        return account

    def run_pending(self, within: float = 0.0) -> Counter[str]:
        """See ``run_pending`` of this module."""
        return run_pending(within)

    def fail_next(
        self, error: GatewayError | int, method: str = "create_interaction", *, carried_out: bool = False
    ) -> None:
        """Let the next call of ``method`` fail; several are taken in turn.

        ``error``: ``NotAccepted``, ``Refused`` or ``OutcomeUnknown``, or one of Twilio's error codes (21610).
        ``method``: a method of ``gateway.base.Gateway``. ``carried_out``: Twilio did it, and only the answer was lost.
        """
        failure = error_for(error) if isinstance(error, int) else error
        self.gateway.fail_next(failure, method, carried_out=carried_out)

    def accept(self, interaction: Interaction) -> None:
        """Let the agent accept the task. ``run_pending(within=…)`` lets the app see it."""
        self.gateway.move_task(_task_of(interaction), "assigned")

    def decline(self, interaction: Interaction) -> None:
        """Let the task be canceled, as when the agent declines it or does not answer in time."""
        self.gateway.move_task(_task_of(interaction), "canceled")

    def answer(self, interaction: Interaction, body: str) -> str:
        """Let the customer answer in the interaction's conversation, and return the message's SID."""
        interaction.refresh_from_db()
        return self.gateway.add_message(interaction.conversation_sid or "", body)

    def complete(self, interaction: Interaction) -> None:
        """Let the agent end the conversation."""
        interaction.refresh_from_db()
        self.gateway.close_channel(interaction.interaction_sid or "", interaction.channel_sid or "")

    def fail_channel(self, interaction: Interaction, error_code: int) -> None:
        """Let the channel fail after the interaction was accepted, with one of Twilio's error codes."""
        interaction.refresh_from_db()
        self.gateway.move_channel(interaction.channel_sid or "", "failed", error_code)


@contextmanager
def flex() -> Iterator[Flex]:
    """Give a Flex in memory in place of Twilio. Needs the database.

    No job goes to the broker and no rate limit is kept meanwhile: ``run_pending`` does the work.
    """
    double = Flex()
    limits = {**getattr(settings, "FLEX_OUTBOUND", {}), "RATE_LIMITS": dict.fromkeys(RATE_LIMITS)}
    connect, publish = gateways.use(double.gateway.connect), jobs.connect(_publish_nothing)
    try:
        with override_settings(FLEX_OUTBOUND=limits):
            yield double
    finally:
        gateways.use(connect)
        jobs.connect(publish)


def run_pending(within: float = 0.0) -> Counter[str]:
    """Do in this process what is due, until nothing is. Returns how many jobs of each kind were done.

    ``within``: seconds; also do what comes due within that time, as if it had passed. Jobs then run in their order.
    """
    done = _run_due()
    left = within
    while left > 0:
        wait = _seconds_to_next()
        step = left if wait is None else min(max(wait, MIN_STEP), left)
        pass_time(step)
        left -= step
        done += _run_due()
    return done


def pass_time(seconds: float) -> None:
    """Let ``seconds`` pass for the app: all its times in the database are moved into the past."""
    shift = timedelta(seconds=seconds)
    for name in _TIMED:
        model: type[Model] = apps.get_model("flex_outbound", name)
        names = [field.name for field in model._meta.concrete_fields if isinstance(field, DateTimeField)]
        model._default_manager.update(**{name: F(name) - shift for name in names})


def register_callbacks(account: Account, public_url: str, *, sandbox_url: str) -> None:
    """Have a sandbox call this project back about ``account``, which is one of the sandbox's accounts.

    ``public_url``: where the sandbox reaches this project, without a path. Raises GatewayError where the sandbox does
    not answer, ConfigurationError where the account has no credentials.
    """
    username, password = account.credentials()
    client = callbacks.connect(
        Connection(account.account_sid, username, password, account.workspace_sid, sandbox_url, _SANDBOX_TIMEOUT)
    )
    urls = {one: public_url + reverse(f"flex_outbound:webhook-{one.value}", args=[account.pk]) for one in EVENTS}
    try:
        client.register_workspace_callback(urls[Source.TASKROUTER], EVENTS[Source.TASKROUTER])
        client.register_conversations_webhook("", urls[Source.CONVERSATIONS], EVENTS[Source.CONVERSATIONS])
        instance = client.fetch_flex().instance_sid
        client.register_interaction_webhook(instance, "", urls[Source.INTERACTIONS], EVENTS[Source.INTERACTIONS])
    finally:
        client.close()


def _run_due() -> Counter[str]:
    done: Counter[str] = Counter()
    for _ in range(MAX_ROUNDS):
        # Within a test's own transaction nothing is ever committed: signals wait for that.
        with TestCase.captureOnCommitCallbacks(using=router.db_for_write(Interaction), execute=True):
            counts = sweep.sweep(sweep.run)
        if not counts:
            return done
        done += counts
    raise RuntimeError(f"Something is still due after {MAX_ROUNDS} rounds: {dict(done)}")


def _seconds_to_next() -> float | None:
    """Return the seconds until something is due, None where nothing ever will be."""
    times = [model._default_manager.aggregate(first=Min("next_at"))["first"] for model in _models_with("next_at")]
    found = [time for time in times if time is not None]
    return (min(found) - timezone.now()).total_seconds() if found else None


def _models_with(field: str) -> list[type[Model]]:
    models: list[type[Model]] = [apps.get_model("flex_outbound", name) for name in _TIMED]
    return [model for model in models if field in {one.name for one in model._meta.concrete_fields}]


def _task_of(interaction: Interaction) -> str:
    interaction.refresh_from_db()
    if interaction.task_sid is None:
        raise ValueError("The interaction has no task yet: call run_pending() first.")
    return interaction.task_sid


def _publish_nothing(*_job: Any) -> None:
    """Take a job and drop it: ``run_pending`` finds the work."""


def _sid(kind: SidKind, number: int) -> str:
    return f"{kind.value}{number:032x}"
