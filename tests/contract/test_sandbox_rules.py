"""The rules that the sandbox holds requests to are those of Twilio's OpenAPI files."""

from flex_outbound.models import Source
from flex_outbound.sandbox import routes
from flex_outbound.sandbox.openapi import table
from flex_outbound.sandbox.openapi.documented import CONVERSATION_EVENTS, TASKROUTER_EVENTS
from flex_outbound.setup.comparing import EVENTS
from tests import services
from tests.contract.reduce_openapi import reduce
from tests.contract.test_sandbox_answers import UNPUBLISHED


def test_the_table_is_what_the_files_say() -> None:
    made = reduce(services.openapi_folder())

    how = "Run TWILIO_OPENAPI_DIR=… python -m tests.contract.reduce_openapi"
    assert made == table.FILE.read_text(encoding="utf-8"), how


def test_every_address_of_the_sandbox_has_its_rules() -> None:
    without = {
        path
        for product, paths in routes.TABLES.items()
        for path, handlers in paths
        for method in handlers
        if table.find(product, method, path) is None
    }

    assert without == set().union(*UNPUBLISHED.values())


def test_the_events_that_we_register_for_are_known() -> None:
    assert set(EVENTS[Source.TASKROUTER]) <= TASKROUTER_EVENTS
    assert set(EVENTS[Source.CONVERSATIONS]) <= CONVERSATION_EVENTS
