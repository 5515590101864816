"""Open conversations that only Twilio knows: a page wants to know, a worker asks, and what it finds becomes rows.

A question is a row (``OpenSearch``), so that many pages that ask the same ask Twilio once. What Twilio does not answer
refuses nothing: the page says that it is not known.
https://www.twilio.com/docs/conversations/api/participant-conversation-resource
"""

import logging
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, Final

from django.db.models import Q
from django.db.models.functions import Now

from flex_outbound import addresses, signals
from flex_outbound.channels import Channel
from flex_outbound.exceptions import ConfigurationError, GatewayError
from flex_outbound.gateway.base import ConversationState as Shown
from flex_outbound.gateway.base import Gateway, Holder, Participant, TaskState
from flex_outbound.gateway.holders import MOST_CONVERSATIONS
from flex_outbound.models import Account, Conversation, ConversationHolder, Interaction, OpenSearch, Sender, Worker
from flex_outbound.models.conversation import key_of
from flex_outbound.outbox import alerts, claims, locks, ratelimit
from flex_outbound.outbox.clock import from_now
from flex_outbound.outbox.conversations import authors, opening
from flex_outbound.outbox.gateways import gateway_for
from flex_outbound.outbox.jobs import Job, request, request_after_commit
from flex_outbound.outbox.ratelimit import Budget
from flex_outbound.statuses import OPEN, Status
from flex_outbound.twilio_statuses import ConversationState, TaskStatus

logger = logging.getLogger(__name__)

AGAIN: Final = 20.0
"""Seconds for which an answer of Twilio's is good enough, however many pages ask."""

AGAIN_AFTER_FAILURE: Final = 15.0
KEPT_FOR: Final = timedelta(hours=1)
MOST_PAIRS: Final = 12
"""Addresses and senders of one contact that are asked about."""

BATCH: Final = 10
LEASE: Final = 60.0
"""Seconds until another worker may ask the same: longer than the requests of a batch take."""

_BEST: Final = (TaskStatus.ASSIGNED, TaskStatus.WRAPPING, TaskStatus.RESERVED, TaskStatus.PENDING)

Pair = tuple[Sender, str]
"""A sender and a customer's address, normalised."""


class Busy(Exception):
    """The account's budget is spent. ``seconds``: until there is more."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


# -- a page wants to know ----------------------------------------------------------------------------------------------


def want(pairs: Sequence[Pair]) -> list[OpenSearch]:
    """Have a worker ask Twilio about these pairs, unless that was done a moment ago. Returns the questions as rows.

    Email is never asked about: an agent may write two emails to one customer. Neither are chats: nothing tells whose
    sender they are with.
    """
    wanted = [(sender, address) for sender, address in pairs if Channel(sender.channel).shows_sender][:MOST_PAIRS]
    if not wanted:
        return []
    keys = {(addresses.key(address)[:254], sender.pk): (sender, address) for sender, address in wanted}
    found = _rows(keys)
    missing = [pair for key, pair in keys.items() if key not in found]
    if missing:
        OpenSearch.objects.bulk_create([_new(*pair) for pair in missing], ignore_conflicts=True)
        found = _rows(keys)
    stale = Q(asked_at=None) | Q(asked_at__lt=from_now(-AGAIN))
    again = OpenSearch.objects.filter(pk__in=[one.pk for one in found.values()], next_at=None).filter(
        stale, Q(failed_at=None) | Q(failed_at__lt=from_now(-AGAIN_AFTER_FAILURE))
    )
    if again.update(next_at=Now(), wanted_at=Now()) or missing:
        for account_id in sorted({sender.account_id for sender, _address in wanted}):
            request_after_commit(Job.CONVERSATION, account_id)
    return list(found.values())


def _rows(keys: Iterable[tuple[str, int]]) -> dict[tuple[str, int], OpenSearch]:
    named = list(keys)
    rows = OpenSearch.objects.filter(address_key__in={key for key, _pk in named}, sender__in={pk for _key, pk in named})
    found = {(one.address_key, one.sender_id): one for one in rows}
    return {key: one for key, one in found.items() if key in set(named)}


def _new(sender: Sender, address: str) -> OpenSearch:
    return OpenSearch(account_id=sender.account_id, sender=sender, channel=sender.channel, address=address[:254])


def want_after_failure(interaction: Interaction) -> None:
    """Have Twilio asked what is in the way of an interaction that it refused. An observer of ``signals``."""
    is_refused = interaction.status == Status.FAILED and interaction.error_reason == "already_open"
    sender = interaction.sender if is_refused else None
    if sender is not None and Channel(interaction.channel).shows_sender:
        rows = OpenSearch.objects.filter(sender=sender, address_key=addresses.key(interaction.address)[:254])
        # Twilio says now what it did not say before.
        rows.filter(next_at=None).update(asked_at=None, failed_at=None)
        want([(sender, interaction.address)])


def observe() -> None:
    """Follow the interactions that move; called once, when the app is ready."""
    if want_after_failure not in signals.observers:
        signals.observers.append(want_after_failure)


# -- a worker asks -----------------------------------------------------------------------------------------------------


def search_due(account_id: int) -> int:
    """Ask Twilio what pages want to know of an account. Raises nothing of Twilio's. Returns how much was asked."""
    due = OpenSearch.objects.due().filter(account=account_id)
    account = Account.objects.filter(pk=account_id, is_active=True).first() if due.exists() else None
    if account is None:
        return 0
    OpenSearch.objects.filter(account=account_id, wanted_at__lt=Now() - KEPT_FOR).delete()
    with locks.bounded_transaction(read_first=True):
        taken = claims.take(due.select_related("sender"), BATCH, LEASE)
    asked = _ask_all(account, taken)
    if len(taken) == BATCH:
        request(Job.CONVERSATION, account_id)
    return asked


def _ask_all(account: Account, taken: Sequence[OpenSearch]) -> int:
    found: dict[Any, list[Conversation]] = {}
    busy: Busy | None = None
    try:
        gateway = gateway_for(account)
        try:
            for one in taken:
                found[one.pk] = _ask(one, account, gateway)
        except Busy as error:
            busy = error
        rows = {row.pk: row for some in found.values() for row in some}
        try:
            if rows:
                _find_holders(account, gateway, list(rows.values())[:MOST_CONVERSATIONS])
        except Busy as error:
            # Who has them is not known, so these are not answered.
            busy = error
            found = {pk: some for pk, some in found.items() if not some}
    except (GatewayError, ConfigurationError) as error:
        # The others would wait for Twilio as long. Nothing is refused because of it: pages say that it is not known.
        logger.info("Open conversations could not be looked for: %s", type(error).__name__)
        alerts.note_access(account, error)
        _finish(taken, failed_at=Now())
        return len(found)
    _finish([one for one in taken if one.pk in found], asked_at=Now(), failed_at=None)
    if busy is not None:
        _finish([one for one in taken if one.pk not in found], next_at=from_now(busy.seconds))
        request(Job.CONVERSATION, account.pk, busy.seconds)
    return len(found)


def _finish(searches: Sequence[OpenSearch], **values: Any) -> None:
    rows = OpenSearch.objects.filter(pk__in=[one.pk for one in searches])
    rows.update(**{"next_at": None, **values})


def _spend(account: Account, budget: Budget, requests: int = 1) -> None:
    wait = ratelimit.take(budget, account.account_sid, requests)
    if wait:
        raise Busy(wait)


def _ask(search: OpenSearch, account: Account, gateway: Gateway) -> list[Conversation]:
    """Return the open conversations between a customer and a sender, as rows: also those never heard of."""
    _spend(account, Budget.CONVERSATIONS, len(addresses.spellings(search.address)))
    shown = gateway.find_conversations(Channel(search.channel), search.address, search.sender.address)
    # Where Twilio does not show the business's address, nothing proves that it is this sender's.
    between = [one for one in shown if addresses.same(one.sender_address, search.sender.address)]
    open_ones = [one for one in between if one.state != ConversationState.CLOSED]
    _note_closed(account, [one for one in between if one.state == ConversationState.CLOSED])
    new = [_of_search(search, one) for one in open_ones]
    Conversation.objects.bulk_create(new, ignore_conflicts=True)
    kept = [_kept(account, search, one) for one in open_ones]
    if new:
        request_after_commit(Job.CONVERSATION, account.pk)
    return [one for one in kept if one is not None]


def _of_search(search: OpenSearch, shown: Shown) -> Conversation:
    """Return a conversation as a row, not saved yet. Its participants are read next, and so are its contacts."""
    return Conversation(
        pk=key_of(shown.conversation_sid),
        account_id=search.account_id,
        channel=search.channel,
        address=search.address,
        sender_id=search.sender_id,
        sender_address=search.sender.address,
        state=shown.state if shown.state in ConversationState.values else "",
        next_at=Now(),
    )


def _kept(account: Account, search: OpenSearch, shown: Shown) -> Conversation | None:
    """Return the row of an open conversation; None where it is another account's, or known to be closed by now."""
    with locks.bounded_transaction(read_first=True):
        current = opening.locked(account.pk, shown.conversation_sid)
        if current is None:
            return None
        mine = Conversation.objects.filter(pk=current.pk)
        if current.is_foreign or opening.is_strange(current):
            # It was nobody's of ours, or nobody knew whose: now Twilio shows the sender.
            fresh = _of_search(search, shown)
            names = ("channel", "address", "sender_id", "sender_address", "state", "next_at")
            key = addresses.key(search.address)[:256]
            mine.update(
                is_foreign=False, address_key=key, updated_at=Now(), **{name: getattr(fresh, name) for name in names}
            )
        elif opening.move_state(current, shown.state, None):
            mine.update(state=current.state, updated_at=Now())
    found = Conversation.objects.open().select_related("interaction", "holder").filter(pk=current.pk)
    return found.first()


def _note_closed(account: Account, shown: Iterable[Shown]) -> None:
    keys = [key_of(one.conversation_sid) for one in shown]
    rows = Conversation.objects.open().filter(pk__in=keys, account=account) if keys else Conversation.objects.none()
    rows.update(state=ConversationState.CLOSED, asked_by=None, asked_at=None, next_at=Now(), updated_at=Now())


# -- who has it --------------------------------------------------------------------------------------------------------


def _find_holders(account: Account, gateway: Gateway, rows: Sequence[Conversation]) -> None:
    """Ask who has these conversations, and write it down: by their tasks, else by who takes part."""
    _spend(account, Budget.TASK_SEARCHES)
    tasks = gateway.find_tasks_of([one.conversation_sid for one in rows])
    for one in rows:
        task = _best(one, tasks.get(one.conversation_sid, ()))
        is_taken = task is not None and task.status in (TaskStatus.ASSIGNED, TaskStatus.WRAPPING)
        holder = gateway.fetch_holder(task.task_sid) if task is not None and is_taken else None
        people: Sequence[Participant] = ()
        if task is None:
            _spend(account, Budget.CONVERSATIONS)
            people = gateway.list_participants(one.conversation_sid) or ()
        _note(account, one, task, holder, people)


def _best(conversation: Conversation, tasks: Iterable[TaskState]) -> TaskState | None:
    """Return the task that says who has a conversation: our interaction's own, else the one that has come furthest."""
    interaction = conversation.interaction
    live = [one for one in tasks if one.status in _BEST]
    own = interaction.task_sid if interaction is not None and interaction.status in OPEN else None
    return min(live, key=lambda one: (one.task_sid != own, _BEST.index(TaskStatus(one.status))), default=None)


def _note(
    account: Account,
    conversation: Conversation,
    task: TaskState | None,
    holder: Holder | None,
    people: Sequence[Participant],
) -> None:
    identity = next((one.identity for one in people if one.identity), "")
    worker_sid = holder.worker_sid if holder else ""
    worker = _worker(account, worker_sid, identity)
    name = holder.worker_name if holder else authors.decoded(identity)
    values: dict[str, Any] = {
        "worker_sid": worker_sid or (worker.worker_sid if worker else ""),
        "worker_name": name[:255],
        "user_id": worker.user_id if worker else None,
        "task_sid": task.task_sid if task else "",
        "task_status": task.status if task else "",
        "interaction_sid": (task.interaction_sid if task else None) or "",
        "channel_sid": (task.channel_sid if task else None) or "",
        "since": holder.since if holder else None,
        "seen_at": Now(),
    }
    ConversationHolder.objects.update_or_create(conversation=conversation, defaults=values)
    if holder is not None and worker is not None:
        _note_agent(conversation, worker)


def _worker(account: Account, worker_sid: str, identity: str) -> Worker | None:
    """Return who a worker is here, by SID or by the identity that Flex makes of the worker's name."""
    rows = Worker.objects.filter(account=account)
    if worker_sid:
        return rows.filter(worker_sid=worker_sid).first()
    named = Q(friendly_name__iexact=authors.decoded(identity)) | Q(friendly_name__iexact=identity)
    # As it is written as well: a name may hold an underline and two digits of its own.
    return rows.filter(named).first() if identity else None


def _note_agent(conversation: Conversation, worker: Worker) -> None:
    """Note whose conversation it is, unless one of our interactions that goes on says so."""
    interaction = conversation.interaction
    if interaction is None or interaction.status not in OPEN:
        rows = Conversation.objects.filter(pk=conversation.pk).exclude(agent=worker.user_id)
        rows.update(agent=worker.user_id, asked_by=None, asked_at=None, updated_at=Now())
