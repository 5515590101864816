"""What the last import found in an account, as choices of a form: names to read, SIDs to store."""

from collections.abc import Iterator

from django.utils import formats, timezone
from django.utils.translation import gettext as _

from flex_outbound.channels import AddressError, Channel
from flex_outbound.models import Account, Resource, ResourceKind, Sender
from flex_outbound.setup.choosing import ADDRESSES

Choice = tuple[str, str]


class ResourceChoices:
    """The resources of one account, read in one query."""

    def __init__(self, account: Account) -> None:
        self._resources: dict[str, list[Resource]] = {}
        for resource in Resource.objects.filter(account=account):
            if resource.parent_sid in {"", account.workspace_sid}:
                self._resources.setdefault(resource.kind, []).append(resource)

    @property
    def is_empty(self) -> bool:
        """True before the first import."""
        return not self._resources

    def knows(self, kind: ResourceKind) -> bool:
        """Tell whether an import ever found a resource of a kind."""
        return bool(self._resources.get(kind))

    def named(self, kind: ResourceKind) -> list[Choice]:
        """Return SID and name of what the last import found of a kind."""
        present = self._present(kind)
        return [(resource.sid, str(resource)) for resource in present]

    def addresses(self, channel: Channel) -> list[Choice]:
        """Return the addresses that a sender of a channel can have, normalised as senders store them."""
        found = {}
        for resource in self._present(ADDRESSES[channel]):
            address = _address(channel, resource)
            if address:
                found[address] = address if resource.name in {"", address} else f"{resource.name} · {address}"
        return list(found.items())

    def label_of(self, kind: ResourceKind, value: str) -> str:
        """Return the label of a stored value that is not offered: its name, and since when it is gone."""
        for resource in self._resources.get(kind, ()):
            if value in _names(resource):
                return _gone(resource) if resource.gone_at else str(resource)
        return _("%(sid)s – not known here") % {"sid": value}

    def is_missing(self, kind: ResourceKind, value: str) -> bool:
        """Tell whether the last import did not find a stored value. Before the first import nothing is missing."""
        if not value or not self.knows(kind):
            return False
        return all(value not in _names(resource) for resource in self._present(kind))

    def _present(self, kind: ResourceKind) -> Iterator[Resource]:
        return (resource for resource in self._resources.get(kind, ()) if resource.gone_at is None)


def _names(resource: Resource) -> set[str]:
    """Return every value by which a sender may name a resource."""
    details = resource.details
    names = {resource.sid, str(details.get("unique_name") or "")}
    for channel, kind in ADDRESSES.items():
        if kind == resource.kind:
            names |= {str(details.get("address") or ""), _address(channel, resource)}
    return names - {""}


def _gone(resource: Resource) -> str:
    since = formats.date_format(timezone.localtime(resource.gone_at), "DATE_FORMAT")
    return _("%(name)s – gone from Twilio since %(date)s") % {"name": resource, "date": since}


def _address(channel: Channel, resource: Resource) -> str:
    """Return a resource's address as a sender stores it, "" if a sender cannot have it."""
    if channel is Channel.SMS and resource.details.get("sms") is False:
        return ""
    try:
        return Sender.normalized(channel, str(resource.details.get("address") or ""))
    except AddressError:
        return ""
