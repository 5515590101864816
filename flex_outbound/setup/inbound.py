"""Customers who write first: who answers them at each sender, switching it on, and giving it back.

Twilio keeps one configuration for each of the business's addresses. What answers there today may be a Studio flow or
another program. It is shown to the manager, kept before it is replaced, and never replaced unseen: who switches on
names what the page showed by its digest.

Database and Twilio can disagree, as after a crash between the two. ``look`` reads what Twilio does and corrects the
senders' columns by it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Final

from django.db.models import Q
from django.utils.translation import gettext as _

from flex_outbound.channels import Channel
from flex_outbound.exceptions import ConfigurationError, FlexOutboundError, GatewayError
from flex_outbound.gateway import address_configurations as configurations
from flex_outbound.gateway import directory
from flex_outbound.gateway.address_configurations import AddressConfiguration, AutoCreation, TwilioAddressConfigurations
from flex_outbound.gateway.payloads import binding_address
from flex_outbound.gateway.resources import ConversationDefaults
from flex_outbound.models import Account, Sender, Source
from flex_outbound.outbox.gateways import connection_to
from flex_outbound.problems import Problem, explain
from flex_outbound.setup.address import callback_url, callback_urls
from flex_outbound.setup.callbacks import NotFixable, obstacle
from flex_outbound.setup.inbound_states import (
    CHANNELS,
    Answering,
    FirstMessages,
    assess,
    configuration_of,
    does_the_same,
    given_back,
    previous_of,
    wanted_of,
)

NOT_SHOWN: Final = (403, 404)
NOTHING_BEFORE: Final[dict[str, object]] = {}
"""In ``Sender.previous_auto_creation``: the address had no configuration, so that ours is deleted when it goes."""


class Changed(FlexOutboundError):
    """Twilio shows something else than the page did; ``row`` is what it shows now."""

    def __init__(self, row: FirstMessages) -> None:
        super().__init__(f"the configuration of sender {row.sender.pk} has changed")
        self.row = row


class AnsweredElsewhere(FlexOutboundError):
    """Somebody else answers, and taking over was not confirmed; ``row`` shows who."""

    def __init__(self, row: FirstMessages) -> None:
        super().__init__(f"somebody else answers for sender {row.sender.pk}")
        self.row = row


def senders_of(account: Account) -> list[Sender]:
    """Return the senders that customers can write to first, and those that are still switched on."""
    found = account.senders.filter(Q(is_active=True) | Q(opens_on_inbound=True), channel__in=CHANNELS)
    return list(found.select_related("account"))


def look(
    account: Account,
    timeout: tuple[float, float] | None = None,
    *,
    corrects: bool = True,
    problem: Problem | None = None,
) -> list[FirstMessages]:
    """Ask Twilio who answers at each sender of an account. Raises nothing of Twilio's.

    ``timeout``: seconds to connect and to read; HTTP_TIMEOUT by default. ``corrects``: the senders' columns follow what
    Twilio shows. ``problem``: why Twilio need not be asked. No transaction may be open.
    """
    senders = senders_of(account)
    if not senders:
        return []
    if problem is None:
        try:
            with _client(account, timeout) as client:
                rows = _assessed(account, senders, list(client.list_all()))
        except (GatewayError, ConfigurationError) as error:
            problem = explain(error)
    if problem is not None:
        expected = callback_url(account, Source.CONVERSATIONS)
        return [FirstMessages(one, Answering.UNKNOWN, expected, problem=problem) for one in senders]
    return [_corrected(row) for row in rows] if corrects else rows


def switch_on(sender: Sender, digest: str, *, take_over: bool = False) -> FirstMessages:
    """Have this site hear of customers who write to a sender first. Returns what Twilio shows afterwards.

    ``digest``: of the row that the page showed. ``take_over``: who answers today may be replaced. No transaction may be
    open. Raises NotFixable where something else has to be fixed first, Changed where Twilio shows something else than
    the page did, AnsweredElsewhere without ``take_over``, GatewayError and ConfigurationError.
    """
    account = sender.account
    problem = obstacle(account) or _inactive(sender)
    if problem is not None:
        raise NotFixable(problem)
    with _client(account) as client:
        row = _fresh(client, sender)
        if row.problem is not None:
            raise NotFixable(row.problem)
        if not row.can_be_switched_on:
            return _corrected(row)
        if row.digest != digest:
            raise Changed(row)
        if row.state is Answering.OTHERS and not take_over:
            raise AnsweredElsewhere(row)
        wanted = wanted_of(row, _services(account).flex_service_sid)
        if row.state is not Answering.LACKING:
            _remember(row)
        return _written(client, sender, lambda: _switch(client, row, wanted), lambda now: now.state is Answering.OURS)


def give_back(sender: Sender, digest: str) -> FirstMessages:
    """Have Twilio do again what it did before ``switch_on``. Returns what it shows afterwards.

    What was not configured is deleted, and switched off where nobody knows what was there; an email address always
    keeps its configuration, which connects it. Where somebody else answers by now, nothing is changed. No transaction
    may be open. Raises NotFixable, Changed, GatewayError and ConfigurationError.
    """
    with _client(sender.account) as client:
        row = _fresh(client, sender)
        if row.state is Answering.UNKNOWN and row.problem is not None:
            raise NotFixable(row.problem)
        if not row.is_on or row.configuration is None:
            return _corrected(row)
        if row.digest != digest:
            raise Changed(row)
        sid, now = row.configuration.sid, row.configuration.auto_creation or AutoCreation()
        previous = previous_of(sender)
        if previous is None:
            goes = sender.previous_auto_creation == NOTHING_BEFORE and sender.channel != Channel.EMAIL
            off = replace(now, enabled=False)
            act = (lambda: client.delete(sid)) if goes else (lambda: client.update(sid, off))
            return _forgotten(_written(client, sender, act, lambda seen: not seen.is_on))
        service = _services(sender.account).service_sid if now.service_sid and not previous.service_sid else ""
        wanted = given_back(previous, now, service)
        back = _written(client, sender, lambda: client.update(sid, wanted), lambda seen: _shows(seen, wanted))
        return _forgotten(back) if _shows(back, wanted) else back


@contextmanager
def _client(account: Account, timeout: tuple[float, float] | None = None) -> Iterator[TwilioAddressConfigurations]:
    connection = connection_to(account)
    with closing(configurations.connect(replace(connection, timeout=timeout or connection.timeout))) as client:
        yield client


def _assessed(
    account: Account, senders: Sequence[Sender], listed: Sequence[AddressConfiguration]
) -> list[FirstMessages]:
    expected, also = callback_url(account, Source.CONVERSATIONS), callback_urls(account, Source.CONVERSATIONS)
    rows = (assess(one, configuration_of(one, listed), expected, also) for one in senders)
    return [replace(row, was_lost=row.sender.opens_on_inbound and _is_told(row) and not row.is_on) for row in rows]


def _fresh(client: TwilioAddressConfigurations, sender: Sender) -> FirstMessages:
    """Return who answers at one sender now. Its columns are read again: another request may have written them."""
    sender.refresh_from_db(fields=["opens_on_inbound", "address_configuration_sid", "previous_auto_creation"])
    return _assessed(sender.account, [sender], list(client.list_all(sender.channel)))[0]


def _is_told(row: FirstMessages) -> bool:
    """Tell whether Twilio said who answers, and whether that can be compared with an address of ours."""
    return row.state is not Answering.UNKNOWN and bool(row.expected)


def _corrected(row: FirstMessages, *, is_newest: bool = False) -> FirstMessages:
    """Let the sender's columns follow what Twilio shows.

    ``is_newest``: also where another request wrote them since they were read. Otherwise that request knows better.
    """
    if not _is_told(row):
        return row
    sender, found = row.sender, row.configuration
    before = {name: getattr(sender, name) for name in ("opens_on_inbound", "address_configuration_sid")}
    seen = {"opens_on_inbound": row.is_on, "address_configuration_sid": found.sid if found else ""}
    if before != seen or is_newest:
        unchanged = {} if is_newest else before
        Sender.objects.filter(pk=sender.pk, **unchanged).update(**seen)
        for name, value in seen.items():
            setattr(sender, name, value)
    return row


def _remember(row: FirstMessages) -> None:
    """Keep what answers today, before it is replaced: after a crash it can still be given back."""
    found = row.configuration
    before = found.auto_creation.as_json() if found and found.auto_creation else NOTHING_BEFORE
    row.sender.previous_auto_creation = before
    Sender.objects.filter(pk=row.sender.pk).update(previous_auto_creation=before)


def _forgotten(row: FirstMessages) -> FirstMessages:
    if not row.is_on:
        row.sender.previous_auto_creation = None
        Sender.objects.filter(pk=row.sender.pk).update(previous_auto_creation=None)
    return row


def _switch(client: TwilioAddressConfigurations, row: FirstMessages, wanted: AutoCreation) -> None:
    if row.configuration is not None:
        client.update(row.configuration.sid, wanted)
        return
    sender = row.sender
    address = binding_address(Channel(sender.channel), sender.address)
    client.create(sender.channel, address, wanted, sender.display_name)


def _written(
    client: TwilioAddressConfigurations,
    sender: Sender,
    write: Callable[[], object],
    is_done: Callable[[FirstMessages], bool],
) -> FirstMessages:
    """Write once, then read what Twilio shows, whatever it answered. Raises its error where the change is not there."""
    failure: GatewayError | None = None
    try:
        write()
    except GatewayError as error:
        failure = error
    try:
        row = _corrected(_fresh(client, sender), is_newest=True)
    except GatewayError as error:
        raise failure or error from None
    if failure is not None and not is_done(row):
        raise failure
    return row


def _shows(row: FirstMessages, wanted: AutoCreation) -> bool:
    found = row.configuration.auto_creation if row.configuration else None
    return found is not None and does_the_same(found, wanted)


def _services(account: Account) -> ConversationDefaults:
    """Return the account's services of conversations, empty where it may not be asked."""
    try:
        with directory.open_directory(connection_to(account)) as opened:
            return opened.conversation_defaults()
    except GatewayError as error:
        if error.http_status in NOT_SHOWN:
            return ConversationDefaults("", "", "")
        raise


def _inactive(sender: Sender) -> Problem | None:
    if sender.is_active:
        return None
    return Problem(_("The sender is not active."), _("Make it active on its page first."))
