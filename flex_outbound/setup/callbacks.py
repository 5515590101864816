"""Callbacks: what Twilio is to call against what it calls, and the step from one to the other.

What stands at Twilio may be another program's. It is shown, and replaced only by who names it: ``mend`` takes the
address that is to go, by its fingerprint, and refuses where another one stands there by then.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Final

from django.utils.translation import gettext as _

from flex_outbound.exceptions import ConfigurationError, FlexOutboundError, GatewayError
from flex_outbound.gateway import callbacks
from flex_outbound.gateway.callbacks import FlexInstance, TwilioCallbacks
from flex_outbound.models import Account, Source
from flex_outbound.outbox.gateways import connection_to
from flex_outbound.problems import Problem, explain
from flex_outbound.setup.address import callback_url, problem_of_public_address
from flex_outbound.setup.comparing import EVENTS, Finding, State, compare

REPEAT: Final = "#rc=3&rp=all"
"""TaskRouter then repeats what failed; by itself only where it could not connect. Neither sent nor signed.

https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
"""


class ForeignCallback(FlexOutboundError):
    """Another address stands there and was not named as the one to replace; ``finding`` shows it."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(f"{finding.source} calls {finding.actual}")
        self.finding = finding


class NotFixable(FlexOutboundError):
    """Something on our side has to be mended first: ``problem``."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.summary)
        self.problem = problem


def look(account: Account, timeout: tuple[float, float] | None = None) -> list[Finding]:
    """Ask Twilio what it calls, service by service. Raises nothing; once Twilio does not answer, it is not asked again.

    ``timeout``: as HTTP_TIMEOUT, which is the default. No transaction may be open.
    """
    try:
        connection = connection_to(account)
        client = callbacks.connect(replace(connection, timeout=timeout or connection.timeout))
    except ConfigurationError as error:
        return [_unknown(account, source, explain(error)) for source in Source]
    with closing(client):
        return _ask_all(account, client)


def _ask_all(account: Account, client: TwilioCallbacks) -> list[Finding]:
    findings: list[Finding] = []
    silent: Problem | None = None
    flex = _once(client.fetch_flex)
    for source in Source:
        if silent is not None:
            findings.append(_unknown(account, source, silent))
            continue
        try:
            findings.append(_ask(account, source, client, flex))
        except GatewayError as error:
            findings.append(_unknown(account, source, explain(error)))
            # Each request may take its whole time: three services in a row would be a page that never comes.
            silent = explain(error) if error.http_status is None else None
        except NotFixable as error:
            findings.append(_unknown(account, source, error.problem))
    return findings


def _ask(account: Account, source: Source, client: TwilioCallbacks, flex: Callable[[], FlexInstance]) -> Finding:
    expected = callback_url(account, source)
    if source == Source.TASKROUTER:
        if not account.workspace_sid:
            raise NotFixable(
                Problem(_("The workspace is not chosen yet."), _("Choose it on the account's page, then come back."))
            )
        return compare(source, expected, [client.fetch_workspace_callback()])
    if source == Source.CONVERSATIONS:
        return compare(source, expected, [client.fetch_conversations_webhook(flex().chat_service_sid)])
    return compare(source, expected, client.list_interaction_webhooks(_instance(flex())))


def _instance(flex: FlexInstance) -> str:
    if not flex.instance_sid:
        raise NotFixable(
            Problem(
                _("This account has no Flex instance."),
                _("Set up Flex in Twilio's console, or check that the account SID is that of your Flex account."),
            )
        )
    return flex.instance_sid


def _once(ask: Callable[[], FlexInstance]) -> Callable[[], FlexInstance]:
    answers: list[FlexInstance] = []

    def answer() -> FlexInstance:
        if not answers:
            answers.append(ask())
        return answers[0]

    return answer


def _unknown(account: Account, source: Source, problem: Problem) -> Finding:
    return Finding(source, State.UNKNOWN, callback_url(account, source), problem=problem)


def obstacle(account: Account) -> Problem | None:
    """Return what has to be mended on our side before any registration is of use, None for nothing."""
    problem = problem_of_public_address()
    if problem is not None:
        return problem
    if not callback_url(account, Source.TASKROUTER):
        return Problem(
            _("The addresses for callbacks are not part of this site."),
            _("Ask whoever runs this server to add path('flex/', include('flex_outbound.urls')) to the site's urls."),
        )
    if not account.signing_tokens():
        return Problem(
            _("The account's auth token is missing, so every callback would be refused."),
            _("Enter the auth token on the account's page: Twilio signs callbacks with it."),
        )
    if not account.is_active:
        return Problem(
            _("The account is not active, so every callback would be turned away."),
            _("Make the account active on its page first."),
        )
    return None


def mend(account: Account, source: Source, *, replacing: str = "") -> Finding:
    """Register our address with one service, or add what it lacks, and return how the service stands then.

    ``replacing``: the fingerprint of the finding whose address may go. Raises NotFixable for what has to be mended on
    our side first, ForeignCallback where another address stands there than the one named, GatewayError and
    ConfigurationError. No transaction may be open.
    """
    problem = obstacle(account)
    if problem is not None:
        raise NotFixable(problem)
    with closing(callbacks.connect(connection_to(account))) as client:
        flex = _once(client.fetch_flex)
        found = _ask(account, source, client, flex)
        if not found.can_be_mended:
            return found
        if found.state == State.ELSEWHERE and found.fingerprint != replacing:
            raise ForeignCallback(found)
        _register(client, flex, found)
        return _ask(account, source, client, flex)


def _register(client: TwilioCallbacks, flex: Callable[[], FlexInstance], found: Finding) -> None:
    wanted = EVENTS[found.source]
    # What others chose stays: the address may be ours while the choice of events is shared.
    events = tuple(dict.fromkeys((*(found.told or ()), *wanted)))
    if found.source == Source.TASKROUTER:
        keeps = found.state == State.LACKING
        client.register_workspace_callback(found.expected + REPEAT, events if keeps else wanted)
    elif found.source == Source.CONVERSATIONS:
        client.register_conversations_webhook(found.place, found.expected, events)
    else:
        client.register_interaction_webhook(_instance(flex()), found.place, found.expected, events)
