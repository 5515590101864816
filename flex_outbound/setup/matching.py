"""Matches Flex workers with users: proposes pairs, and stores those that a manager accepts.

A pair is proposed only if exactly one worker and one user fit: by email address, then by user name, then by full name.
Where two users have the same address, the manager has to choose.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.db import router, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from flex_outbound.models import Account, Resource, ResourceKind, Worker
from flex_outbound.setup import people
from flex_outbound.setup.people import Person, Wanted

MAX_PAIRS: Final = 1000
"""How many pairs a page may accept at a time."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A worker and the only user who fits. ``why``: the rule that matched, in words."""

    worker: Resource
    user: Person
    why: Any


@dataclass(frozen=True, slots=True)
class Matches:
    """Proposals, and the workers and users without one; all sorted by name.

    ``users``: a query set, since a project may have very many.
    """

    proposals: list[Proposal]
    workers: list[Resource]
    users: QuerySet[Any]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The workers that were stored, or why none was: ``errors``, in words by worker SID."""

    made: list[Worker]
    errors: dict[str, str]


Key = Callable[[Any], str]


def matches(account: Account) -> Matches:
    """Match the account's free workers with the free users. Takes two queries."""
    workers, free = people.free_workers(account), people.free_users(account)
    users = list(people.called(free, _wanted(workers))) if workers else []
    proposals: list[Proposal] = []
    for why, of_worker, of_user in _RULES:
        pairs = _only_ones(workers, users, of_worker, of_user)
        proposals += [Proposal(worker, user, why) for worker, user in pairs]
        done, taken = {worker.sid for worker, _user in pairs}, {user.pk for _worker, user in pairs}
        workers = [one for one in workers if one.sid not in done]
        users = [one for one in users if one.pk not in taken]
    proposals.sort(key=lambda one: (one.worker.name.casefold(), one.worker.sid))
    return Matches(proposals, workers, free.exclude(pk__in=[one.user.pk for one in proposals]))


def _wanted(workers: Iterable[Resource]) -> Wanted:
    """Return what a user may be called who fits one of the workers by any rule."""
    by_column: dict[str, set[str]] = {}
    for _why, of_worker, of_user in _RULES:
        by_column.setdefault(_COLUMNS[of_user], set()).update(of_worker(one) for one in workers)
    return Wanted(**by_column)


def accept(account: Account, pairs: Mapping[str, Any]) -> Accepted:
    """Store each pair (worker SID → user). If one of them cannot be stored, none is."""
    errors: dict[str, str] = {}
    using = router.db_for_write(Worker)
    with transaction.atomic(using=using):
        # A lock on the account: two managers must not match the same worker at the same time.
        Account.objects.using(using).select_for_update().only("pk").get(pk=account.pk)
        resources = Resource.objects.present().filter(account=account, kind=ResourceKind.WORKER, sid__in=list(pairs))
        known = {one.sid: one for one in resources}
        errors |= {sid: _("Twilio no longer has this worker. Import again.") for sid in pairs if sid not in known}
        errors |= _taken(account, pairs, known) | _twice(pairs, known)
        if errors:
            return Accepted([], errors)
        rows = [
            Worker(account=account, user=user, worker_sid=sid, friendly_name=known[sid].name)
            for sid, user in pairs.items()
        ]
        return Accepted(Worker.objects.bulk_create(rows, batch_size=500), {})


def _taken(account: Account, pairs: Mapping[str, Any], known: Mapping[str, Resource]) -> dict[str, str]:
    """Return the errors for workers and users that are matched already; each names both."""
    mapped = Worker.objects.filter(account=account).select_related("user")
    errors: dict[str, str] = {}
    for row in mapped.filter(worker_sid__in=list(pairs)):
        errors[row.worker_sid] = already(row.friendly_name or row.worker_sid, row.user)
    of_user = {row.user_id: row for row in mapped.filter(user__in=[user.pk for user in pairs.values()])}
    for sid, user in pairs.items():
        theirs = of_user.get(user.pk)
        if theirs is not None and sid not in errors and sid in known:
            errors[sid] = already(theirs.friendly_name or theirs.worker_sid, theirs.user)
    return errors


def already(worker: str, user: Any) -> str:
    """Return the error for a worker who is matched already."""
    return _("Worker “%(worker)s” is already the user “%(user)s”. Remove that pair first, if it is wrong.") % {
        "worker": worker,
        "user": people.person(user).label,
    }


def _twice(pairs: Mapping[str, Any], known: Mapping[str, Resource]) -> dict[str, str]:
    """Return the errors for users who were chosen for several workers; each names all of them."""
    by_user: dict[Any, list[str]] = {}
    for sid, user in pairs.items():
        by_user.setdefault(user.pk, []).append(sid)
    errors: dict[str, str] = {}
    for sids in by_user.values():
        if len(sids) > 1:
            names = ", ".join(f"“{known[sid].name or sid}”" for sid in sids if sid in known)
            label = people.person(pairs[sids[0]]).label
            words = _("The user “%(user)s” was chosen for several workers: %(workers)s. Choose one.")
            errors |= dict.fromkeys(sids, words % {"user": label, "workers": names})
    return errors


def _only_ones(
    workers: Iterable[Resource], users: Iterable[Person], of_worker: Key, of_user: Key
) -> list[tuple[Resource, Person]]:
    by_worker, by_user = _by(workers, of_worker), _by(users, of_user)
    return [
        (several[0], by_user[key][0])
        for key, several in by_worker.items()
        if len(several) == 1 and len(by_user.get(key, ())) == 1
    ]


def _by(many: Iterable[Any], key: Key) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for one in many:
        value = " ".join(key(one).casefold().split())
        if value:
            found.setdefault(value, []).append(one)
    return found


def _detail(name: str) -> Key:
    return lambda worker: str(worker.details.get(name, ""))


def _worker_name(worker: Resource) -> str:
    return worker.name


# Twilio makes a worker's name from an address when agents come by single sign-on: ada_40example_2Ecom.
def _spelt_address(worker: Resource) -> str:
    return worker.name.replace("_40", "@").replace("_2E", ".").replace("_2e", ".")


def _email(user: Person) -> str:
    return user.email


def _username(user: Person) -> str:
    return user.username


def _full_name(user: Person) -> str:
    return user.full_name


_RULES: Final[list[tuple[Any, Key, Key]]] = [
    (gettext_lazy("same email address"), _detail("email"), _email),
    (gettext_lazy("the worker's name is the user's address"), _spelt_address, _email),
    (gettext_lazy("same user name"), _worker_name, _username),
    (gettext_lazy("same full name"), _detail("full_name"), _full_name),
    (gettext_lazy("the worker's name is the user's full name"), _worker_name, _full_name),
]
_COLUMNS: Final[dict[Key, str]] = {_email: "emails", _username: "usernames", _full_name: "full_names"}
