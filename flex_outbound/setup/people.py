"""Workers at Twilio and users here, read once, whatever the project's user model is called and calls its fields."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import Q

from flex_outbound.models import Account, Resource, ResourceKind, Worker


@dataclass(frozen=True, slots=True)
class Person:
    """A user: primary key, user name, and what else they may be known by ("" where the model has none)."""

    pk: Any
    username: str
    email: str
    full_name: str

    @property
    def label(self) -> str:
        """Return the name, with what tells two of the same name apart."""
        return f"{self.full_name} ({self.username})" if self.full_name else self.username


def person(user: Any) -> Person:
    """Return what a user of any model is known by."""
    email_field = _email_field()
    full_name = getattr(user, "get_full_name", None)
    return Person(
        pk=user.pk,
        username=str(user.get_username()),
        email=str(getattr(user, email_field, "") or "") if email_field else "",
        full_name=str(full_name() or "").strip() if callable(full_name) else "",
    )


def free_users(account: Account) -> Iterator[Person]:
    """Yield the active users who are no worker of this account, by user name; one query."""
    users: Any = get_user_model()._default_manager.all()
    if _has_field("is_active"):
        users = users.filter(is_active=True)
    taken = Worker.objects.filter(account=account).values("user_id")
    for user in users.exclude(pk__in=taken).order_by(_username_field()).iterator(chunk_size=2000):
        yield person(user)


def free_workers(account: Account) -> list[Resource]:
    """Return the workers of the account's workspace who are nobody yet; one query."""
    taken = Worker.objects.filter(account=account).values("worker_sid")
    workers = Resource.objects.present().filter(account=account, kind=ResourceKind.WORKER)
    if account.workspace_sid:
        workers = workers.filter(parent_sid=account.workspace_sid)
    return list(workers.exclude(sid__in=taken).order_by("name", "sid"))


def find(text: str) -> list[Any]:
    """Return the users whose user name or email address is exactly this, whatever its case."""
    text = text.replace("\0", "")  # which PostgreSQL does not take
    wanted = Q(**{f"{_username_field()}__iexact": text})
    if _email_field():
        wanted |= Q(**{f"{_email_field()}__iexact": text})
    return list(get_user_model()._default_manager.filter(wanted)[:3])


def by_pk(keys: Iterable[str]) -> dict[str, Any]:
    """Return users by primary key as text; keys that are none are left out."""
    field: Any = get_user_model()._meta.pk
    usable = []
    for key in keys:
        try:
            # ``run_validators``: of numbers, those that the column can hold.
            value = field.to_python(key)
            field.run_validators(value)
        except Exception:  # noqa: S112  # each kind of key refuses in its own way
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
