"""From an account's row to a gateway: the one place where secrets leave the record, and only into memory."""

from collections.abc import Callable
from dataclasses import replace

from flex_outbound.conf import conf
from flex_outbound.exceptions import ConfigurationError
from flex_outbound.gateway import client
from flex_outbound.gateway.base import Connection, Gateway
from flex_outbound.models import Account

Factory = Callable[[Connection], Gateway]

_factory: Factory = client.connect


def use(factory: Factory) -> Factory:
    """Build gateways with ``factory`` from now on and return the one before (for tests of host projects)."""
    global _factory
    before, _factory = _factory, factory
    return before


def gateway_for(account: Account, timeout: tuple[float, float] | None = None) -> Gateway:
    """Return the gateway to one account.

    ``timeout``: seconds to connect and for the whole answer; HTTP_TIMEOUT by default.

    Raises ConfigurationError where the account has no usable credentials, or its workspace was not chosen yet.
    """
    connection = connection_to(account)
    if not connection.workspace_sid:
        raise ConfigurationError(
            f"The Flex workspace of Twilio account “{account.name}” is not chosen yet. Choose it in the admin, on the "
            "account's page, after an import from Twilio."
        )
    return _factory(connection if timeout is None else replace(connection, timeout=timeout))


def connection_to(account: Account) -> Connection:
    """Return how an account is reached; its workspace may be empty, and the account unsaved.

    Raises ConfigurationError where it has no usable credentials.
    """
    username, password = account.credentials()
    return Connection(
        account_sid=account.account_sid,
        username=username,
        password=password,
        workspace_sid=account.workspace_sid,
        base_url=conf.api_base_url,
        timeout=conf.http_timeout,
    )
