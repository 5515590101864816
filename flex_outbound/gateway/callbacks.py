"""Callback URLs at Twilio: reading and registering them, for each of three services.

A registration may belong to another program. This module does not decide whether it may be replaced.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from flex_outbound.exceptions import Refused
from flex_outbound.gateway.base import Connection
from flex_outbound.gateway.calls import TwilioCalls, found_or_none, in_path
from flex_outbound.gateway.classify import malformed
from flex_outbound.gateway.observe import Operation
from flex_outbound.gateway.words import clean
from flex_outbound.sids import SidKind, sid_or_none

WEBHOOKS_PER_PAGE = 100
MAX_URL = 2_000
POST = "POST"
GLOBAL = "global"
"""For the events of all interactions: also where Twilio names no type."""

INTERACTION = "interaction"
"""For the events of those interactions that name the webhook."""

_TTID = re.compile(r"[A-Za-z0-9_]{1,100}\Z")


@dataclass(frozen=True, slots=True)
class Registration:
    """One registered callback URL. ``url``: "" for none. ``events``: their names, None for all events.

    ``place``: where it is registered: a workspace's SID, a conversation service's SID ("" for the account itself), or a
    webhook's ``ttid``. ``pre_url``: the URL that Twilio asks before a conversation changes; it shares ``method`` and
    ``events``. ``is_of_flex``: conversations are routed into Flex itself and not to a URL.
    """

    url: str
    events: tuple[str, ...] | None
    method: str = POST
    place: str = ""
    pre_url: str = ""
    is_of_flex: bool = False


@dataclass(frozen=True, slots=True)
class FlexInstance:
    """The SIDs of a Flex instance (GO…) and of the service of its conversations (IS…), "" where Flex did not say."""

    instance_sid: str
    chat_service_sid: str


def connect(connection: Connection) -> "TwilioCallbacks":
    """Return a new client. The caller closes it. Raises ConfigurationError for unusable credentials."""
    return TwilioCallbacks(connection)


class TwilioCallbacks(TwilioCalls):
    """One account's callback URLs. Every method raises only GatewayError."""

    def fetch_flex(self) -> FlexInstance:
        """Return the SIDs of the account's Flex instance.

        https://www.twilio.com/docs/flex/developer/config/flex-configuration-rest-api
        """
        found = self._fetch(Operation.FETCH_CALLBACKS, self._client.flex_api.v1.configuration())
        return FlexInstance(
            sid_or_none(found.flex_instance_sid, SidKind.FLEX_INSTANCE) or "",
            sid_or_none(found.chat_service_instance_sid, SidKind.CHAT_SERVICE)
            or sid_or_none(found.flex_service_instance_sid, SidKind.CHAT_SERVICE)
            or "",
        )

    def fetch_workspace_callback(self) -> Registration:
        """Return the callback URL of the account's workspace. https://www.twilio.com/docs/taskrouter/api/workspace"""
        found = self._fetch(Operation.FETCH_CALLBACKS, self._workspace)
        # Without a filter, all events are sent.
        names = tuple(name.strip() for name in _text(found.events_filter).split(",") if name.strip())
        return Registration(_text(found.event_callback_url), names or None, place=self._workspace_sid)

    def register_workspace_callback(self, url: str, events: Sequence[str]) -> None:
        """Have the workspace call ``url`` for these events, in place of any other URL."""
        workspace = self._workspace
        with self._call(Operation.REGISTER_CALLBACKS):
            workspace.update(event_callback_url=url, events_filter=",".join(events))

    def fetch_conversations_webhook(self, service_sid: str) -> Registration:
        """Return the callback URL of one service's conversations.

        A service may have a registration of its own. It then replaces the account's.
        https://www.twilio.com/docs/conversations/api/per-service-webhook-resource
        """
        own = self._fetch_service(service_sid) if service_sid else None
        if own is not None and (own.url or own.pre_url):
            return own
        return self._conversations(self._fetch(Operation.FETCH_CALLBACKS, self._webhooks("")), "")

    def register_conversations_webhook(self, place: str, url: str, events: Sequence[str]) -> None:
        """Have conversations call ``url`` for these events. ``pre_url`` stays as it is.

        https://www.twilio.com/docs/conversations/api/webhook-configuration-resource
        """
        fields: dict[str, Any] = {"post_webhook_url": url, "filters": list(events), "method": POST}
        if not place:
            # Where Flex was the target, Twilio would otherwise keep the URL and never call it.
            fields["target"] = "webhook"
        with self._call(Operation.REGISTER_CALLBACKS):
            self._webhooks(place).update(**fields)

    def list_interaction_webhooks(self, instance_sid: str, kind: str = GLOBAL) -> list[Registration]:
        """Return every registration for the events of interactions. ``kind``: GLOBAL or INTERACTION.

        https://www.twilio.com/docs/flex/developer/conversations/interactions-webhooks; in neither OpenAPI nor the SDK.
        """
        with self._call(Operation.FETCH_CALLBACKS):
            answer = self._client.flex_api.v1.fetch(
                "GET", _webhooks_of(instance_sid), params={"PageSize": WEBHOOKS_PER_PAGE}
            )
            meta = answer.get("meta") or {}
            if meta.get("next_page_url"):
                raise malformed(f"more than {WEBHOOKS_PER_PAGE} webhooks", self._http.last_status)
            listed = answer.get(meta.get("key") or "webhooks")
            if not isinstance(listed, list):
                raise malformed("no list of webhooks", self._http.last_status)
            return [_of_interactions(one) for one in listed if (one.get("type") or GLOBAL) == kind]

    def register_interaction_webhook(
        self, instance_sid: str, place: str, url: str, events: Sequence[str], kind: str = GLOBAL
    ) -> str:
        """Change the registration ``place``, or create one where that is "". Returns its name (``ttid``).

        Twilio's page uses different field names in its table and in its samples. These are the samples'.
        """
        fields = {"Type": kind, "WebhookMethod": POST, "WebhookUrl": url, "WebhookEvents": list(events)}
        path = _webhook_of(instance_sid, place) if place else _webhooks_of(instance_sid)
        version = self._client.flex_api.v1
        with self._call(Operation.REGISTER_CALLBACKS):
            made = (version.update if place else version.create)(POST, path, data=fields)
            return _of_interactions(made).place

    def delete_interaction_webhook(self, instance_sid: str, place: str) -> None:
        """Delete a registration; one that is gone was deleted already."""
        path = _webhook_of(instance_sid, place)

        def delete() -> None:
            with self._call(Operation.REGISTER_CALLBACKS):
                self._client.flex_api.v1.delete("DELETE", path)

        found_or_none(delete, missing=(404,))

    def name_webhook(self, interaction_sid: str, ttid: str) -> bool:
        """Have a webhook told of an interaction that exists. False where Twilio does not have the interaction.

        https://www.twilio.com/docs/flex/developer/conversations/interactions-api/interactions
        """
        context = self._interactions(in_path(interaction_sid, SidKind.INTERACTION))

        def name() -> bool:
            with self._call(Operation.REGISTER_CALLBACKS):
                context.update(webhook_ttid=ttid)
            return True

        return found_or_none(name, missing=(404,)) is not None

    @property
    def _workspace(self) -> Any:
        return self._client.taskrouter.v1.workspaces(in_path(self._workspace_sid, SidKind.WORKSPACE))

    def _fetch_service(self, service_sid: str) -> Registration | None:
        context = self._webhooks(service_sid)
        found = found_or_none(partial(self._fetch, Operation.FETCH_CALLBACKS, context), missing=(403, 404))
        return None if found is None else self._conversations(found, service_sid)

    def _webhooks(self, service_sid: str) -> Any:
        conversations = self._client.conversations.v1
        of = conversations.services(in_path(service_sid, SidKind.CHAT_SERVICE)) if service_sid else conversations
        return of.configuration.webhooks()

    def _conversations(self, found: Any, place: str) -> Registration:
        filters = found.filters if isinstance(found.filters, list) else []
        return Registration(
            _text(found.post_webhook_url),
            tuple(map(_text, filters)),
            _text(found.method).upper() or POST,
            place,
            _text(found.pre_webhook_url),
            _text(getattr(found, "target", "")) == "flex",
        )


def _webhooks_of(instance_sid: str) -> str:
    return f"/Instances/{in_path(instance_sid, SidKind.FLEX_INSTANCE)}/InteractionWebhooks"


def _webhook_of(instance_sid: str, place: str) -> str:
    if not _TTID.match(place):
        raise Refused("no name of a webhook", reason="invalid_request")
    return f"{_webhooks_of(instance_sid)}/{place}"


def _of_interactions(found: Mapping[str, Any]) -> Registration:
    events = found.get("webhook_events") or found.get("filters") or []
    names = events if isinstance(events, list) else _text(events).split(",")
    method = _text(found.get("webhook_method")) or _text(found.get("method")) or POST
    place = _text(found.get("ttid"))
    if not _TTID.match(place):
        raise malformed("a webhook without a name")
    return Registration(_text(found.get("webhook_url")), tuple(map(_text, names)), method.upper(), place)


def _text(value: object) -> str:
    return clean(value, MAX_URL) if isinstance(value, str) else ""
