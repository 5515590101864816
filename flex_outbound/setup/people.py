"""Users of any user model, and the workers of an account, as matching needs them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q

from flex_outbound.models import Account, Resource, ResourceKind, Worker


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


def free_users(account: Account) -> Iterator[Person]:
    """Yield the active users without a worker in this account, sorted by user name; one query."""
    users: Any = get_user_model()._default_manager.all()
    if _has_field("is_active"):
        users = users.filter(is_active=True)
    taken = Worker.objects.filter(account=account).values("user_id")
    for user in users.exclude(pk__in=taken).order_by(_username_field()).iterator(chunk_size=2000):
        yield person(user)


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


def _username_field() -> str:
    return str(get_user_model().USERNAME_FIELD)


def _email_field() -> str:
    model: Any = get_user_model()
    named = getattr(model, "get_email_field_name", None)
    name = str(named()) if callable(named) else "email"
    return name if _has_field(name) else ""


def _has_field(name: str) -> bool:
    return any(one.name == name for one in get_user_model()._meta.get_fields())
