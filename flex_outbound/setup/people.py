"""Users of any user model, and the workers of an account, as matching needs them.

A project may have very many users: whatever is asked of them is asked in the database, and what is returned is a query
set or bounded by the number of workers.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractUser
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Concat, Lower, Trim

from flex_outbound.models import Account, Resource, ResourceKind, Worker

FULL_NAMES: Final = ("full_name", "name", "display_name")
"""Fields in which user models keep a full name, where it is not made of first and last name."""

MOST_KEYS: Final = 4000
"""How many values one query compares with: databases limit their parameters."""


@dataclass(frozen=True, slots=True)
class Person:
    """A user: primary key, user name, email address and full name ("" where the model has none)."""

    pk: Any
    username: str
    email: str = field(repr=False)
    full_name: str = field(repr=False)

    @property
    def label(self) -> str:
        """Return the full name with the user name, which tells two people of the same name apart."""
        return f"{self.full_name} ({self.username})" if self.full_name else self.username


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the users that are searched for are called: any of these, in any case."""

    emails: Collection[str] = ()
    usernames: Collection[str] = ()
    full_names: Collection[str] = ()


def person(user: Any) -> Person:
    """Return a user of any model as a Person."""
    email_field = _email_field()
    full_name = getattr(user, "get_full_name", None)
    return Person(
        pk=user.pk,
        username=str(user.get_username()),
        email=str(getattr(user, email_field, "") or "") if email_field else "",
        full_name=str(full_name() or "").strip() if callable(full_name) else "",
    )


def free_users(account: Account) -> QuerySet[Any]:
    """Return the active users without a worker in this account, sorted by user name."""
    users: Any = get_user_model()._default_manager.all()
    if _has_field("is_active"):
        users = users.filter(is_active=True)
    taken = Worker.objects.filter(account=account).values("user_id")
    free: QuerySet[Any] = users.exclude(pk__in=taken)
    return free.order_by(_username_field())


def called(users: QuerySet[Any], wanted: Wanted) -> Iterator[Person]:
    """Yield those of the users who have one of the names or addresses; one query for some thousand of them.

    Where the user model keeps no full name in its fields, all users are read to find the full names.
    """
    if wanted.full_names and _full_name() is None and callable(getattr(get_user_model(), "get_full_name", None)):
        yield from (person(user) for user in users.iterator(chunk_size=2000))
        return
    seen: set[Any] = set()
    for some in _parts(wanted):
        for user in _any_of(users, some).iterator(chunk_size=2000):
            if user.pk not in seen:
                seen.add(user.pk)
                yield person(user)


def search(users: QuerySet[Any], text: str, prefix: str = "") -> QuerySet[Any]:
    """Return the rows whose user has every word of the text in one of the names or in the address.

    ``prefix``: the lookup from the row to its user, such as ``user__``.
    """
    for word in text.replace("\0", "").split():  # PostgreSQL refuses it
        users = users.filter(matching(word, prefix))
    return users


def matching(word: str, prefix: str = "") -> Q:
    """Return the condition that a word is in one of a user's names or in the address."""
    condition = Q(**{f"{prefix}{_username_field()}__icontains": word})
    for name in (_email_field(), *_name_fields()):
        if name:
            condition |= Q(**{f"{prefix}{name}__icontains": word})
    return condition


def free_workers(account: Account) -> list[Resource]:
    """Return the workers of the account's workspace without a user; one query."""
    taken = Worker.objects.filter(account=account).values("worker_sid")
    workers = Resource.objects.present().filter(account=account, kind=ResourceKind.WORKER)
    if account.workspace_sid:
        workers = workers.filter(parent_sid=account.workspace_sid)
    return list(workers.exclude(sid__in=taken).order_by("name", "sid"))


def find(text: str) -> list[Any]:
    """Return up to three users whose user name or email address is this text; upper and lower case are the same."""
    text = text.replace("\0", "")  # PostgreSQL refuses it
    wanted = Q(**{f"{_username_field()}__iexact": text})
    if _email_field():
        wanted |= Q(**{f"{_email_field()}__iexact": text})
    return list(get_user_model()._default_manager.filter(wanted)[:3])


def by_pk(keys: Iterable[str]) -> dict[str, Any]:
    """Return users by primary key, given as text; keys that are not valid are left out."""
    field: Any = get_user_model()._meta.pk
    usable = []
    for key in keys:
        try:
            # The validators also refuse numbers that are too large for the column.
            value = field.to_python(key)
            field.run_validators(value)
        except Exception:  # noqa: S112  # each type of key raises errors of its own
            continue
        usable.append(value)
    return {str(pk): user for pk, user in get_user_model()._default_manager.in_bulk(usable).items()}


def _parts(wanted: Wanted) -> Iterator[Wanted]:
    """Cut what is searched for into parts that one query can take."""
    every = {name: sorted({form for one in getattr(wanted, name) for form in _forms(one)}) for name in _COLUMNS}
    size = MOST_KEYS // len(_COLUMNS)
    for start in range(0, max(map(len, every.values())), size):
        yield Wanted(**{name: keys[start : start + size] for name, keys in every.items()})


_COLUMNS: Final = ("emails", "usernames", "full_names")


def _forms(text: str) -> set[str]:
    """Return a text in the lower case of each database: SQLite's knows ASCII alone."""
    text = " ".join(text.split())
    return {text.lower(), text.casefold(), "".join(one.lower() if one.isascii() else one for one in text)} - {""}


def _any_of(users: QuerySet[Any], wanted: Wanted) -> QuerySet[Any]:
    email = F(_email_field()) if _email_field() else None
    columns = {"usernames": F(_username_field()), "emails": email, "full_names": _full_name()}
    condition = Q(pk__in=())
    for name, column in columns.items():
        keys = getattr(wanted, name)
        if keys and column is not None:
            users = users.alias(**{f"flex_{name}": Lower(Trim(column))})
            condition |= Q(**{f"flex_{name}__in": keys})
    return users.filter(condition)


def _full_name() -> Any:
    """Return the expression for a user's full name; None where no field holds it, as far as can be told."""
    names = _name_fields()
    if len(names) == 1:
        return F(names[0])
    is_djangos = getattr(get_user_model(), "get_full_name", None) is AbstractUser.get_full_name
    return Concat(F(names[0]), Value(" "), F(names[1])) if names and is_djangos else None


def _name_fields() -> tuple[str, ...]:
    if _has_field("first_name") and _has_field("last_name"):
        return ("first_name", "last_name")
    return tuple(name for name in FULL_NAMES if _has_field(name))[:1]


def _username_field() -> str:
    return str(get_user_model().USERNAME_FIELD)


def _email_field() -> str:
    model: Any = get_user_model()
    named = getattr(model, "get_email_field_name", None)
    name = str(named()) if callable(named) else "email"
    return name if _has_field(name) else ""


def _has_field(name: str) -> bool:
    return any(one.name == name for one in get_user_model()._meta.concrete_fields)
