"""What our own rows say of contacts before a click: who is in conversation with them.

It costs one query, however many contacts are asked about. What Twilio alone knows is not in it. What customers have
unsubscribed from is in the ledger of ``consent``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.db import connections, models, router
from django.db.models import Q, QuerySet

from flex_outbound.models import Interaction
from flex_outbound.models.interaction import InteractionQuerySet
from flex_outbound.statuses import UNSETTLED, WITH_CONVERSATION

CURRENT: Final = Q(status__in=sorted(WITH_CONVERSATION | UNSETTLED))
"""Interactions that are open in Flex or on the way there, or wait for an answer."""


@dataclass(slots=True)
class Standing:
    """``current``: the contact's interactions that have not ended, the newest first."""

    current: list[Interaction] = field(default_factory=list)


def rows(of: InteractionQuerySet, more: Q | None = None) -> InteractionQuerySet:
    """Return those of some interactions that ``Standing`` is made of, and those that fit ``more``; the newest first."""
    return of.filter(CURRENT | more if more else CURRENT).order_by("-created_at", "-id")


def standing(found: Iterable[Any]) -> Standing:
    """Sort what ``rows`` returned of one contact."""
    return next(iter(_by_contact(found).values()), Standing())


def _by_contact(found: Iterable[Any]) -> dict[str, Standing]:
    """Sort what ``rows`` returned of contacts of one kind, by id."""
    result: dict[str, Standing] = {}
    for one in found:
        if one.status in WITH_CONVERSATION or one.status in UNSETTLED:
            result.setdefault(one.contact_id, Standing()).current.append(one)
    return result


def standings(contact_type_id: int, ids: Iterable[str]) -> Mapping[str, Standing]:
    """Return the standing of those contacts of one kind of which there is something to say, by id."""
    wanted, alias = sorted(set(ids)), router.db_for_read(Interaction)
    connection = connections[alias]
    before, after, first, rest = _kept_statement(alias, contact_type_id)
    # One parameter for all ids where the database takes it: with one for each, driver and planner take the most time.
    as_one = connection.vendor == "postgresql"
    among = " = ANY(%s)" if as_one else f" IN ({', '.join(['%s'] * len(wanted))})"
    with connection.cursor() as cursor:
        cursor.execute(f"{before}{among}{after}", [*first, *([wanted] if as_one else wanted), *rest])
        found = cursor.fetchall()
    return _by_contact(_read(alias, found)) if found else {}


def _asked(contact_type_id: int) -> QuerySet[Any, Any]:
    of = Interaction.objects.filter(contact_type=contact_type_id).filter(contact_id__in=[""])
    return rows(of).values_list(*_names(Interaction), *(f"agent__{name}" for name in _names(get_user_model())))


@lru_cache(maxsize=64)
def _kept_statement(alias: str, contact_type_id: int) -> tuple[str, str, tuple[Any, ...], tuple[Any, ...]]:
    """Return the SQL before and after the test of the contact's id, and the parameters of both.

    It is kept: building it takes longer than running it.
    """
    sql, params = _asked(contact_type_id).query.get_compiler(alias).as_sql()
    before, after = sql.split(" IN (%s)", 1)
    at = before.count("%s")
    return before, after, tuple(params[:at]), tuple(params[at + 1 :])


def _read(alias: str, found: Sequence[Sequence[Any]]) -> Iterator[Interaction]:
    """Yield the interactions, each with its agent, that the database's rows are, converted as the ORM converts them."""
    compiler = _asked(0).query.get_compiler(alias)
    compiler.as_sql()
    user_model, names = get_user_model(), _names(Interaction)
    for row in compiler.results_iter([found]):
        one = Interaction.from_db(alias, names, row[: len(names)])
        if one.agent_id is not None:
            one.agent = user_model.from_db(alias, _names(user_model), row[len(names) :])
        yield one


def _names(model: type[models.Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]
