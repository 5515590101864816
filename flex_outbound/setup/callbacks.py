"""Callbacks: compares what Twilio should call with what it calls, and registers our addresses.

An address that is registered at Twilio may belong to another program. It is shown to the manager. ``fix`` replaces it
only if it is given the fingerprint of that address, and refuses if another address was registered meanwhile.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import cache
from typing import Final

from django.utils.translation import gettext as _

from flex_outbound.exceptions import ConfigurationError, FlexOutboundError, GatewayError
from flex_outbound.gateway import callbacks
from flex_outbound.gateway.callbacks import FlexInstance, TwilioCallbacks
from flex_outbound.models import Account, Source
from flex_outbound.outbox.gateways import connection_to
from flex_outbound.problems import Problem, explain
from flex_outbound.setup import interaction_webhooks
from flex_outbound.setup.address import callback_url, callback_urls, problem_of_public_address
from flex_outbound.setup.comparing import EVENTS, Finding, State, compare
from flex_outbound.setup.interaction_webhooks import Scope

REPEAT: Final = "#rc=3&rp=all"
"""Makes TaskRouter repeat every call that failed; without it, it does so only if it could not connect.

This part of the URL is neither sent nor signed.

https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
"""


class ForeignCallback(FlexOutboundError):
    """Another address is registered than the one to be replaced; ``finding`` shows it."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(f"{finding.source} calls {finding.actual}")
        self.finding = finding


class NotFixable(FlexOutboundError):
    """Something else has to be fixed first: ``problem``."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.summary)
        self.problem = problem


def inspect(account: Account, timeout: tuple[float, float] | None = None) -> list[Finding]:
    """Ask Twilio what each service calls. Raises nothing. After a request without an answer, no more are made.

    ``timeout``: seconds to connect and to read; HTTP_TIMEOUT by default. No transaction may be open.
    """
    try:
        connection = connection_to(account)
        client = callbacks.connect(replace(connection, timeout=timeout or connection.timeout))
    except ConfigurationError as error:
        return [_unknown(account, source, explain(error)) for source in Source]
    with closing(client):
        return _inspect_all(account, client)


def _inspect_all(account: Account, client: TwilioCallbacks) -> list[Finding]:
    findings: list[Finding] = []
    silent: Problem | None = None
    flex = cache(client.fetch_flex)
    for source in Source:
        if silent is not None:
            findings.append(_unknown(account, source, silent))
            continue
        try:
            findings.append(_inspect(account, source, client, flex))
        except GatewayError as error:
            findings.append(_unknown(account, source, explain(error)))
            # Each request may take its whole timeout, and the page waits for all of them.
            silent = explain(error) if error.http_status is None else None
        except NotFixable as error:
            findings.append(_unknown(account, source, error.problem))
    return findings


def _inspect(account: Account, source: Source, client: TwilioCallbacks, flex: Callable[[], FlexInstance]) -> Finding:
    expected, also = callback_url(account, source), callback_urls(account, source)
    if source == Source.TASKROUTER:
        if not account.workspace_sid:
            raise NotFixable(
                Problem(_("The workspace is not chosen yet."), _("Choose it on the account's page, then come back."))
            )
        return compare(source, expected, [client.fetch_workspace_callback()], also)
    if source == Source.CONVERSATIONS:
        return compare(source, expected, [client.fetch_conversations_webhook(flex().chat_service_sid)], also)
    return interaction_webhooks.inspect(account, client, _instance(flex()))


def _instance(flex: FlexInstance) -> str:
    if not flex.instance_sid:
        raise NotFixable(
            Problem(
                _("This account has no Flex instance."),
                _("Set up Flex in Twilio's console, or check that the account SID is that of your Flex account."),
            )
        )
    return flex.instance_sid


def _unknown(account: Account, source: Source, problem: Problem) -> Finding:
    return Finding(source, State.UNKNOWN, callback_url(account, source), problem=problem)


def obstacle(account: Account) -> Problem | None:
    """Return what has to be fixed on our side before a registration helps, None for nothing."""
    problem = problem_of_public_address()
    if problem is not None:
        return problem
    if not callback_url(account, Source.TASKROUTER):
        return Problem(
            _("The addresses for callbacks are not part of this site."),
            _("Ask the administrator of this server to add path('flex/', include('flex_outbound.urls')) to its urls."),
        )
    if not account.signing_tokens():
        return Problem(
            _("The account's auth token is missing, so every callback would be refused."),
            _("Enter the auth token on the account's page: Twilio signs callbacks with it."),
        )
    if not account.is_active:
        return Problem(
            _("The account is not active, so every callback would be refused."),
            _("Make the account active on its page first."),
        )
    return None


def fix(account: Account, source: Source, *, replacing: str = "") -> Finding:
    """Register our address with one service, or add the events that it lacks. Returns the finding afterwards.

    ``replacing``: the fingerprint of the finding whose address may be replaced. No transaction may be open. Raises
    NotFixable where something on our side has to be fixed first, ForeignCallback where another address is registered
    than the one to be replaced, GatewayError and ConfigurationError.
    """
    problem = obstacle(account)
    if problem is not None:
        raise NotFixable(problem)
    with closing(callbacks.connect(connection_to(account))) as client:
        flex = cache(client.fetch_flex)
        found = _inspect(account, source, client, flex)
        if not found.can_be_fixed:
            return found
        if found.state == State.ELSEWHERE and found.fingerprint != replacing:
            raise ForeignCallback(found)
        _register(account, client, flex, found)
        return _inspect(account, source, client, flex)


def choose(account: Account, scope: Scope) -> Finding:
    """Have Twilio tell of every interaction, or only of those that are opened here. Returns the finding afterwards.

    No transaction may be open. Raises NotFixable where something on our side has to be fixed first, GatewayError and
    ConfigurationError.
    """
    problem = obstacle(account)
    if problem is not None:
        raise NotFixable(problem)
    with closing(callbacks.connect(connection_to(account))) as client:
        flex = cache(client.fetch_flex)
        interaction_webhooks.choose(account, scope, client, _instance(flex()))
        return _inspect(account, Source.INTERACTIONS, client, flex)


def _register(account: Account, client: TwilioCallbacks, flex: Callable[[], FlexInstance], found: Finding) -> None:
    wanted = EVENTS[found.source]
    # Events that others chose are kept: the address may be ours while the choice of events is shared.
    events = tuple(dict.fromkeys((*(found.told or ()), *wanted)))
    if found.source == Source.TASKROUTER:
        keeps = found.state == State.LACKING
        client.register_workspace_callback(found.expected + REPEAT, events if keeps else wanted)
    elif found.source == Source.CONVERSATIONS:
        client.register_conversations_webhook(found.place, found.expected, events)
    else:
        interaction_webhooks.register(account, client, _instance(flex()), found)
