"""The directory over Twilio's SDK. It only reads, page by page, and keeps no connection open afterwards."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from flex_outbound import addresses, sids
from flex_outbound.channels import Channel
from flex_outbound.exceptions import GatewayError
from flex_outbound.gateway import results
from flex_outbound.gateway.base import Connection
from flex_outbound.gateway.calls import TwilioCalls, in_path
from flex_outbound.gateway.classify import malformed
from flex_outbound.gateway.observe import Operation
from flex_outbound.gateway.resources import ConversationDefaults, Directory, ListedResource, ListedTemplate, Product
from flex_outbound.gateway.words import clean, clean_json
from flex_outbound.gateway.words import clean_name as _name

PAGE: Final = 1000
ADDRESSES_PER_PAGE: Final = 50
"""The most that Conversations takes: https://www.twilio.com/docs/conversations/api/address-configuration-resource"""

CONTENTS_PER_PAGE: Final = 500
MAX_PAGES: Final = 200
REFUSED: Final = (401, 403)
"""How Twilio answers a key that lacks a right; 401 stands for wrong credentials as well."""

LACKS_RIGHTS: Final = 70051
"""https://www.twilio.com/docs/api/errors/70051"""

MOST_TEXT: Final = 5000
"""Characters of a text of a template that are kept: more than any that a customer can get."""


@contextmanager
def open_directory(connection: Connection) -> Iterator[Directory]:
    """Give the directory of an account and close its connections at the end.

    Raises ConfigurationError for unusable credentials.
    """
    directory = TwilioDirectory(connection)
    try:
        yield directory
    finally:
        directory.close()


class TwilioDirectory(TwilioCalls):
    """One account at Twilio: implements ``gateway.resources.Directory``."""

    def account_name(self) -> str:
        """Return the account's friendly name: https://www.twilio.com/docs/iam/api/account."""
        record = self._fetch(Operation.FETCH_ACCOUNT, self._account())
        return _name(record.friendly_name)

    def workspaces(self) -> Iterator[ListedResource]:
        """Yield the workspaces: https://www.twilio.com/docs/taskrouter/api/workspace."""
        for one in self._all(self._client.taskrouter.v1.workspaces):
            yield ListedResource(one.sid, _name(one.friendly_name), account_sid=str(one.account_sid or ""))

    def workflows(self, workspace_sid: str) -> Iterator[ListedResource]:
        """Yield the workflows: https://www.twilio.com/docs/taskrouter/api/workflow."""
        return self._named(self._workspace(workspace_sid).workflows, workspace_sid)

    def task_queues(self, workspace_sid: str) -> Iterator[ListedResource]:
        """Yield the task queues: https://www.twilio.com/docs/taskrouter/api/task-queue."""
        return self._named(self._workspace(workspace_sid).task_queues, workspace_sid)

    def task_channels(self, workspace_sid: str) -> Iterator[ListedResource]:
        """Yield the task channels: https://www.twilio.com/docs/taskrouter/api/task-channel."""
        for one in self._all(self._workspace(workspace_sid).task_channels):
            yield ListedResource(one.sid, _name(one.friendly_name), workspace_sid, _given(unique_name=one.unique_name))

    def workers(self, workspace_sid: str) -> Iterator[ListedResource]:
        """Yield the workers: https://www.twilio.com/docs/taskrouter/api/worker."""
        for one in self._all(self._workspace(workspace_sid).workers):
            attributes = results.parse_attributes(one.attributes)
            details = _given(
                email=_text(attributes.get("email")),
                full_name=_text(attributes.get("full_name")),
                activity=one.activity_name,
                available=one.available,
            )
            yield ListedResource(one.sid, _name(one.friendly_name), workspace_sid, details)

    def phone_numbers(self) -> Iterator[ListedResource]:
        """Yield the phone numbers: https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource."""
        for one in self._all(self._account().incoming_phone_numbers):
            abilities = one.capabilities if isinstance(one.capabilities, dict) else {}
            details = _given(address=one.phone_number, sms=abilities.get("sms"))
            yield ListedResource(one.sid, _name(one.friendly_name or one.phone_number), details=details)

    def whatsapp_senders(self) -> Iterator[ListedResource]:
        """Yield the WhatsApp senders: https://www.twilio.com/docs/whatsapp/api/senders."""
        for one in self._all(self._client.messaging.v2.channels_senders, channel=Channel.WHATSAPP.value):
            address = addresses.plain(str(one.sender_id or ""))
            details = _given(address=address, status=one.status)
            yield ListedResource(one.sid, _name(_profile_name(one.profile) or address), details=details)

    def email_addresses(self) -> Iterator[ListedResource]:
        """Yield the connected email addresses. Conversations lists those of other channels, too."""
        listed = self._client.conversations.v1.address_configurations
        for one in self._all(listed, size=ADDRESSES_PER_PAGE, type=Channel.EMAIL.value):
            # Only those of email were asked for; null says no other.
            if (one.type or Channel.EMAIL) == Channel.EMAIL:
                yield ListedResource(
                    one.sid, _name(one.friendly_name or one.address), details=_given(address=one.address)
                )

    def conversation_defaults(self) -> ConversationDefaults:
        """Return how new conversations are set up.

        https://www.twilio.com/docs/conversations/api/configuration-resource and
        https://www.twilio.com/docs/flex/developer/config/flex-configuration-rest-api
        """
        own = self._fetch(Operation.LIST_RESOURCES, self._client.conversations.v1.configuration())
        flex = self._fetch(Operation.LIST_RESOURCES, self._client.flex_api.v1.configuration())
        kind = sids.SidKind.CHAT_SERVICE
        of_flex = [flex.chat_service_instance_sid, flex.flex_service_instance_sid]
        return ConversationDefaults(
            sids.sid_or_none(own.default_chat_service_sid, kind) or "",
            next((one for one in of_flex if sids.is_sid(one, kind)), ""),
            _name(own.default_closed_timer or ""),
        )

    def refused_products(self) -> list[Product]:
        """Return the products that the credentials may not use: https://www.twilio.com/docs/iam/api-keys/restricted."""
        client = self._client
        # Nobody has this interaction, so that 404 is the answer to who may ask.
        nobodys = client.flex_api.v1.interaction(sids.SidKind.INTERACTION.value + "0" * 32)
        probes: dict[Product, Callable[[], object]] = {
            Product.TASKROUTER: partial(client.taskrouter.v1.workspaces.page, page_size=1),
            Product.CONVERSATIONS: client.conversations.v1.configuration().fetch,
            Product.INTERACTIONS: nobodys.fetch,
            Product.CONTENT: partial(client.content.v1.contents.page, page_size=1),
        }
        asked = {product: self._refusal(probe) for product, probe in probes.items()}
        refused = {product: error for product, error in asked.items() if error is not None}
        if len(refused) == len(probes) and not any(map(is_lack_of_rights, refused.values())):
            # The credentials themselves are wrong, which says nothing about rights.
            raise refused[Product.TASKROUTER]
        return list(refused)

    def content_templates(self) -> Iterator[ListedResource]:
        """Yield the templates: https://www.twilio.com/docs/content/content-api-resources."""
        for one in self._all(self._client.content.v1.content_and_approvals, size=CONTENTS_PER_PAGE):
            approval = one.approval_requests if isinstance(one.approval_requests, dict) else {}
            details = _given(
                language=one.language,
                variables=one.variables or None,
                types=sorted(one.types) if isinstance(one.types, dict) else None,
                whatsapp=approval.get("status"),
            )
            yield ListedResource(one.sid, _name(one.friendly_name), details=details)

    def templates(self) -> Iterator[ListedTemplate]:
        """Yield the templates whole: https://www.twilio.com/docs/content/content-and-approvals-v2."""
        for one in self._all(self._client.content.v2.content_and_approvals, size=CONTENTS_PER_PAGE):
            approval = one.approval_requests if isinstance(one.approval_requests, dict) else {}
            yield ListedTemplate(
                one.sid,
                _name(one.friendly_name),
                clean(str(one.language or ""), 16),
                types=clean_json(one.types, most=MOST_TEXT) if isinstance(one.types, dict) else {},
                variables=_texts_by_name(one.variables),
                category=clean(str(approval.get("category") or ""), 32),
                content_type=clean(str(approval.get("content_type") or ""), 64),
                status=clean(str(approval.get("status") or ""), 32).lower(),
                rejection_reason=clean(str(approval.get("rejection_reason") or ""), MOST_TEXT),
            )

    def _refusal(self, probe: Callable[[], object]) -> GatewayError | None:
        try:
            with self._call(Operation.LIST_RESOURCES):
                probe()
        except GatewayError as error:
            if error.http_status in REFUSED:
                return error
            if error.http_status != 404:
                raise
        return None

    def _all(self, resource: Any, size: int = PAGE, **fields: Any) -> Iterator[Any]:
        records = self._records(Operation.LIST_RESOURCES, resource, pages=MAX_PAGES, page_size=size, **fields)
        for record in records:
            if not sids.has_shape(record.sid):
                raise malformed("a record without a SID", self._http.last_status)
            yield record

    def _named(self, resource: Any, workspace_sid: str) -> Iterator[ListedResource]:
        records: Iterable[Any] = self._all(resource)
        return (ListedResource(one.sid, _name(one.friendly_name), workspace_sid) for one in records)

    def _workspace(self, workspace_sid: str) -> Any:
        return self._client.taskrouter.v1.workspaces(in_path(workspace_sid, sids.SidKind.WORKSPACE))

    def _account(self) -> Any:
        return self._client.api.v2010.accounts(self._client.account_sid)


def is_lack_of_rights(error: GatewayError) -> bool:
    """Tell whether Twilio knows the credentials and refuses what they ask for."""
    return error.http_status == 403 or error.code == LACKS_RIGHTS


def _text(value: object) -> str | None:
    """Return an attribute that should be text, None for any other type: attributes can hold any JSON."""
    return _name(value).strip() or None if isinstance(value, str) else None


def _texts_by_name(variables: object) -> dict[str, str]:
    given = clean_json(variables, most=MOST_TEXT) if isinstance(variables, dict) else {}
    return {name: "" if value is None else str(value) for name, value in given.items()}


def _given(**details: Any) -> dict[str, Any]:
    return {name: clean_json(value) for name, value in details.items() if value is not None}


def _profile_name(profile: object) -> object:
    return profile.get("name") if isinstance(profile, dict) else getattr(profile, "name", None)
