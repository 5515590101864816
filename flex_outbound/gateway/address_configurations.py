"""What answers a customer who writes first: the configuration of each of the business's addresses in Conversations.

https://www.twilio.com/docs/conversations/api/address-configuration-resource

A configuration may belong to another program. This module does not decide whether it may be changed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from flex_outbound.gateway.base import Connection
from flex_outbound.gateway.calls import TwilioCalls, found_or_none, in_path
from flex_outbound.gateway.classify import malformed
from flex_outbound.gateway.observe import Operation
from flex_outbound.gateway.words import clean, clean_name
from flex_outbound.sids import SidKind, is_sid

PER_PAGE: Final = 50
MAX_PAGES: Final = 200
MAX_TEXT: Final = 4_000
MAX_FILTERS: Final = 100
WEBHOOK, STUDIO, DEFAULT = "webhook", "studio", "default"


class Unreadable(ValueError):
    """A setting that cannot be read, so that it could not be given back as it was."""


@dataclass(frozen=True, slots=True)
class AutoCreation:
    """What Twilio does when a customer writes and no conversation is open.

    ``type``: ``webhook``, ``studio`` or ``default``, which opens a conversation and calls nobody. Texts are "" where
    Twilio shows none; ``webhook_method`` is in capitals. ``repr`` hides the address: it may hold secrets.
    """

    enabled: bool = False
    type: str = DEFAULT
    webhook_url: str = field(default="", repr=False)
    webhook_method: str = ""
    webhook_filters: tuple[str, ...] = ()
    studio_flow_sid: str = ""
    studio_retry_count: int | None = None
    service_sid: str = ""

    @classmethod
    def read(cls, shown: object) -> "AutoCreation":
        """Return what Twilio, or ``as_json``, shows. Raises Unreadable rather than to leave something out."""
        if shown is None:
            return cls()
        if not isinstance(shown, Mapping):
            raise Unreadable("no object")
        return cls(
            _flag(shown.get("enabled")),
            _text(shown.get("type")) or DEFAULT,
            _text(shown.get("webhook_url")),
            _text(shown.get("webhook_method")).upper(),
            _texts(shown.get("webhook_filters")),
            _text(shown.get("studio_flow_sid")),
            _count(shown.get("studio_retry_count")),
            _text(shown.get("conversation_service_sid")),
        )

    def as_json(self) -> dict[str, Any]:
        """Return it under Twilio's names, to be kept; what is not set is left out."""
        known = {
            "webhook_url": self.webhook_url,
            "webhook_method": self.webhook_method,
            "webhook_filters": list(self.webhook_filters),
            "studio_flow_sid": self.studio_flow_sid,
            "studio_retry_count": self.studio_retry_count,
            "conversation_service_sid": self.service_sid,
        }
        kept = {name: value for name, value in known.items() if value not in ("", [], None)}
        return {"enabled": self.enabled, "type": self.type, **kept}


@dataclass(frozen=True, slots=True)
class AddressConfiguration:
    """One address. ``type``: Twilio's name of the channel. ``auto_creation``: None where it cannot be read."""

    sid: str
    type: str
    address: str = field(repr=False)
    friendly_name: str
    auto_creation: AutoCreation | None


def connect(connection: Connection) -> "TwilioAddressConfigurations":
    """Return a new client. The caller closes it. Raises ConfigurationError for unusable credentials."""
    return TwilioAddressConfigurations(connection)


class TwilioAddressConfigurations(TwilioCalls):
    """One account's address configurations. Every method raises only GatewayError."""

    def list_all(self, kind: str = "") -> Iterator[AddressConfiguration]:
        """Yield the configurations, page by page: of one channel (``whatsapp``), or of all."""
        fields: dict[str, Any] = {"page_size": PER_PAGE} | ({"type": kind} if kind else {})
        listed = self._client.conversations.v1.address_configurations
        for record in self._records(Operation.FETCH_CALLBACKS, listed, pages=MAX_PAGES, **fields):
            yield self._read(record)

    def fetch(self, sid: str) -> AddressConfiguration | None:
        """Return one configuration, None where there is none."""
        context = self._configuration(sid)
        record = found_or_none(lambda: self._fetch(Operation.FETCH_CALLBACKS, context), missing=(404,))
        return None if record is None else self._read(record)

    def create(self, kind: str, address: str, wanted: AutoCreation, name: str = "") -> AddressConfiguration:
        """Configure an address that has no configuration. ``address``: as Twilio writes it, ``whatsapp:+…``."""
        listed = self._client.conversations.v1.address_configurations
        fields = _fields(wanted) | ({"friendly_name": name} if name else {})
        with self._call(Operation.REGISTER_CALLBACKS):
            return self._read(listed.create(type=kind, address=address, **fields))

    def update(self, sid: str, wanted: AutoCreation) -> AddressConfiguration:
        """Change what a configuration does. What ``wanted`` does not set stays at Twilio as it is."""
        context = self._configuration(sid)
        with self._call(Operation.REGISTER_CALLBACKS):
            return self._read(context.update(**_fields(wanted)))

    def delete(self, sid: str) -> None:
        """Delete a configuration; the account keeps the address. Does nothing where there is none."""
        context = self._configuration(sid)
        found_or_none(lambda: self._delete(context), missing=(404,))

    def _delete(self, context: Any) -> bool:
        with self._call(Operation.REGISTER_CALLBACKS):
            context.delete()
        return True

    def _configuration(self, sid: str) -> Any:
        addresses = self._client.conversations.v1.address_configurations
        return addresses(in_path(sid, SidKind.ADDRESS_CONFIGURATION))

    def _read(self, record: Any) -> AddressConfiguration:
        if not is_sid(record.sid, SidKind.ADDRESS_CONFIGURATION):
            raise malformed("an address configuration without a SID", self._http.last_status)
        try:
            auto_creation = AutoCreation.read(record.auto_creation)
        except Unreadable:
            auto_creation = None
        address = clean_name(record.address)
        # Twilio's description lets the type be null.
        kind = clean_name(record.type) or _kind_of(address)
        return AddressConfiguration(record.sid, kind, address, clean_name(record.friendly_name), auto_creation)


def _fields(wanted: AutoCreation) -> dict[str, Any]:
    """Return the SDK's arguments; what is not set is not sent."""
    texts = {
        "webhook_url": wanted.webhook_url,
        "webhook_method": wanted.webhook_method.lower(),
        "webhook_filters": list(wanted.webhook_filters),
        "studio_flow_sid": wanted.studio_flow_sid,
        "conversation_service_sid": wanted.service_sid,
    }
    given: dict[str, Any] = {name: value for name, value in texts.items() if value}
    if wanted.studio_retry_count is not None:
        given["studio_retry_count"] = wanted.studio_retry_count
    given |= {"enabled": wanted.enabled, "type": wanted.type}
    return {f"auto_creation_{name}": value for name, value in given.items()}


def _kind_of(address: str) -> str:
    prefix, colon, _rest = address.partition(":")
    return prefix if colon else "email" if "@" in address else "sms"


def _flag(value: object) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise Unreadable("no truth value")


def _text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or clean(value, MAX_TEXT) != value:
        raise Unreadable("no text that could be kept")
    return value


def _texts(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple) or len(value) > MAX_FILTERS:
        raise Unreadable("no list")
    return tuple(map(_text, value))


def _count(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 1_000:
        raise Unreadable("no count")
    return value
