"""A sandbox, and what Twilio publishes about the API that it stands in for."""

from collections.abc import Iterator

import pytest

from flex_outbound.sandbox.server import SandboxServer
from tests import services
from tests.contract.openapi import Contract, contract


@pytest.fixture(scope="session")
def twilio() -> Contract:
    """The published contract."""
    return contract(services.openapi_folder())


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """A fresh sandbox without rate limits."""
    with SandboxServer(enforce_limits=False, channel_setup_ms=0, reserve_delay_ms=0) as sandbox:
        yield sandbox
