"""The host's context around worker code that asks the host, for hosts that show rows only within a request.

Row-level security and managers that read the request's tenant show a worker nothing. ``WORKER_CONTEXT`` opens what the
host's middleware opens for a request. Within a request nothing is opened: its own context is there.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any, Final

from django.db import connections, models, router

from flex_outbound.conf import conf
from flex_outbound.contacts import ContactAdapter
from flex_outbound.models import Account, Interaction

logger = logging.getLogger(__name__)

Opener = Callable[[Account, Any], AbstractContextManager[Any]]

_is_job: Final[ContextVar[bool]] = ContextVar("flex_outbound_is_job", default=False)


@contextmanager
def job() -> Iterator[None]:
    """Mark what runs within as a worker's and not as a request's, whichever process it is in."""
    token = _is_job.set(True)
    try:
        yield
    finally:
        _is_job.reset(token)


def opener() -> Opener | None:
    """Return what opens the host's context for an account and an agent; None where none is wanted here."""
    return conf.worker_context if _is_job.get() else None


def context_of(interaction: Interaction) -> AbstractContextManager[Any]:
    """Return the host's context for an interaction's account and agent; one that does nothing where none is wanted.

    Raises what the host's callable raises, also when the context is entered and left.
    """
    opened = opener()
    return opened(interaction.account, interaction.agent) if opened is not None else nullcontext()


def why_absent(adapter: ContactAdapter, interaction: Interaction) -> str:
    """Return why an interaction's contact was not found: ``contact_not_visible`` or ``contact_gone``.

    It is not visible to the worker where the model's default manager shows no row at all, although its base manager
    shows this one, or PostgreSQL says that row-level security hides rows. All else is gone, or hidden from the agent.
    """
    model = adapter.model
    try:
        exists = model._base_manager.filter(pk=interaction.contact_id).exists()
        shows_nothing = not model._default_manager.exists()
        is_hidden = shows_nothing and (exists or _has_row_security(model))
    except Exception:  # the host's managers decide which
        logger.exception("It cannot be told whether the contact of interaction %s exists", interaction.pk)
        return "contact_gone"
    if is_hidden:
        logger.warning(
            "No row of %s is visible to the worker, so interaction %s was not sent: see WORKER_CONTEXT in the settings",
            model._meta.label,
            interaction.pk,
        )
        return "contact_not_visible"
    if exists:
        logger.info("The contact of interaction %s exists, but its adapter does not show it", interaction.pk)
    return "contact_gone"


def _has_row_security(model: type[models.Model]) -> bool:
    """Tell whether PostgreSQL hides rows of a model's table from us.

    Source: https://www.postgresql.org/docs/current/functions-info.html
    """
    connection = connections[router.db_for_read(model)]
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_security_active(%s::regclass)", [connection.ops.quote_name(model._meta.db_table)])
        (is_active,) = cursor.fetchone()
    return bool(is_active)
