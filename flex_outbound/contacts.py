"""Contacts of the host project: the adapter and its registry, the one extension point.

A project registers its models in ``flex_contacts.py`` of any installed app::

    @register(Contact)
    class ContactContact(ContactAdapter):
        name_field, phone_field, email_field = "full_name", "mobile", "email"
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Final, TypeVar

from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import IntegrityError, models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import get_language

from flex_outbound.channels import ALWAYS_SHOWN, Address, Channel
from flex_outbound.conf import conf
from flex_outbound.field_values import label_for, value_of
from flex_outbound.models import Interaction
from flex_outbound.models.moving import move_rows, tell_moved
from flex_outbound.models.ownership import use_owner
from flex_outbound.phones import text_of

MOST_WORDS: Final = 10
"""Words of a search for a name that are looked for."""

Fields = str | Sequence[str] | None
AdapterType = TypeVar("AdapterType", bound="type[ContactAdapter]")


class ContactAdapter:
    """How one model is messaged. Set the fields, or override the methods.

    ``name_field``: the contact's name. ``phone_field``, ``email_field``: one field name or several, the preferred one
    first; None where the model has none. ``chat_field``, ``web_field``: likewise, the customer's identity in chats and
    in web chats. ``messenger_field``: likewise, the id that Messenger has of the customer. ``region_field``: a field
    with the country, best as ISO 3166-1 alpha-2. Each may also name a property, or a method without arguments.
    """

    name_field: ClassVar[str | None] = None
    phone_field: ClassVar[Fields] = None
    email_field: ClassVar[Fields] = None
    chat_field: ClassVar[Fields] = None
    web_field: ClassVar[Fields] = None
    messenger_field: ClassVar[Fields] = None
    region_field: ClassVar[str | None] = None

    def __init__(self, model: type[models.Model]) -> None:
        self.model = model

    def get_name(self, contact: Any) -> str:
        """Return the name that the agent and Flex show."""
        return str(value_of(contact, self.name_field) or "") if self.name_field else str(contact)

    def get_addresses(self, contact: Any, channel: Channel) -> Iterable[str | Address]:
        """Return the contact's addresses for one channel, the preferred one first, in any format.

        They are labelled with the field's verbose name; unusable ones are left out by the caller, which also takes
        apart a text that is a list of addresses. A phone object, as of django-phonenumber-field, keeps the country that
        it knows.
        """
        fields: Fields = self.phone_field if channel.is_phone else getattr(self, f"{channel.value}_field")
        names = [fields] if isinstance(fields, str) else list(fields or ())
        for name in names:
            value = value_of(contact, name)
            if value:
                yield Address(text_of(value), label_for(self.model, name, get_language()))

    def get_default_region(self, contact: Any) -> str | None:
        """Return how numbers without a country code are read: ISO 3166-1 alpha-2, or None.

        Other forms are understood as well: GBR, UK, en-GB. One that is not is named to the agent.
        """
        region = value_of(contact, self.region_field) if self.region_field else None
        return str(region) if region else conf.default_region

    def get_queryset(self, user: Any) -> models.QuerySet[Any]:
        """Return the contacts that this user may see; nothing outside it can be messaged."""
        return self.model._default_manager.all()

    def get_indexed(self) -> models.QuerySet[Any]:
        """Return the contacts to whom conversations belong, for all users: those in the index of addresses.

        It is read without a request, a batch at a time. Prefetch here what ``get_addresses`` reads.
        """
        return self.model._default_manager.all()

    def search(self, user: Any, text: str) -> models.QuerySet[Any]:
        """Return the contacts that this user may see and that ``text``, a name or a part of one, may mean.

        The default looks for each word in the column ``name_field``, and finds nothing where the model has none.
        """
        found = self.get_queryset(user)
        names = {field.name for field in self.model._meta.get_fields() if isinstance(field, models.Field)}
        words = text.split()
        if self.name_field not in names or not words:
            return found.none()
        for word in words[:MOST_WORDS]:
            found = found.filter(**{f"{self.name_field}__icontains": word})
        return found

    def get_create_url(self, address: str, channel: Channel, name: str) -> str | None:
        """Return the address of a form for a new contact, filled in with these; None where there is none.

        ``address``: as Twilio shows the customer, which may be no number. ``name``: "" where it is not known. The
        query ``next`` is added: where to go after saving.
        """
        return None

    def get_placeholders(self, contact: Any, user: Any) -> dict[str, str]:
        """Return what saved replies may name of a contact beside its name, as ``{"order.number": "1042"}``.

        A name is made of letters, digits, ``.``, ``-`` and ``_``; ``contact.first_name`` may be among them. What is
        empty is asked for. It is read when an agent opens the list of saved replies.
        """
        return {}

    def can_message(self, user: Any, contact: Any, channel: Channel) -> bool | str | Promise:
        """Return True, or False, or the reason in words why this user may not use this channel now."""
        return True

    def has_consent(self, contact: Any, channel: Channel, address: str, sender: str) -> bool | None:
        """Return False where the project's own ledger says that the customer does not want messages here.

        None, the default: it says nothing. True does not overrule what the app's ledger knows. ``address``: normalised;
        ``sender``: the business's address that writes. It is asked on the contact's page, at the click, and once more
        before it is sent; where it raises an error, nothing is sent.
        """
        return None

    def get_url(self, contact: Any) -> str | None:
        """Return the contact's page, where the agent goes back to; None where there is none."""
        get_absolute_url: Callable[[], str] | None = getattr(contact, "get_absolute_url", None)
        return get_absolute_url() if get_absolute_url else None

    def get_template_variables(self, contact: Any, template: Any) -> dict[str, str]:
        """Return what a content template's variables are for this contact, by their names; the agent may change them.

        ``template``: a ``flex_outbound.models.Template``. Names that it does not have are ignored.
        """
        return {}

    def get_task_attributes(self, contact: Any, interaction: Any) -> dict[str, Any]:
        """Return what else the task in Flex is told of a contact: JSON, by names that Flex and this app do not set.

        ``interaction``: a ``flex_outbound.models.Interaction`` that is about to be sent. What does not fit into a task
        is shortened.
        """
        return {}

    def get_routing(self, contact: Any, channel: Channel) -> dict[str, Any]:
        """Return where a contact's task goes, as by language or for important customers; {} where the sender says.

        Keys, each of which may be left out: ``queue_sid`` (WQ…), ``workflow_sid`` (WW…), ``priority`` (0 or more).
        """
        return {}

    def get_interaction_context_sid(self, contact: Any, interaction: Any) -> str | None:
        """Return the SID (HQ…) of a context that the interaction at Twilio is to belong to; None for none.

        ``interaction``: as for ``get_task_attributes``. Twilio takes and shows it, and documents no more about it.
        """
        return None

    def notify(self, user: Any, message: Any) -> None:
        """Tell an agent of a customer's message by a way of the project's own; nothing by default.

        ``user``: whose conversation it is. ``message``: a ``flex_outbound.models.Message``. Called once for each, in a
        worker, after the message was committed. What it raises is logged.
        """

    def notify_handover(self, user: Any, conversation: Any, asked_by: Any) -> None:
        """Tell an agent that a colleague asks for their conversation, by a way of the project's own.

        ``user``: whose conversation it is. ``conversation``: a ``flex_outbound.models.Conversation``. ``asked_by``: who
        asks. Called once for each request, after it was committed, in the colleague's web request: leave what takes
        long to a task of yours. What it raises is logged.
        """

    def store_sids(self, contact_id: str, sids: dict[str, str | None]) -> None:
        """Write the SIDs of a newly opened interaction onto the contact, which may be gone by now.

        ``sids``: ``last_interaction_sid``, ``last_task_sid``, ``last_conversation_sid``. The default
        writes those for which the model
        has a field (as with the mixin ``FlexContact``) in one UPDATE, past ``save()`` and its signals.
        """
        own = {field.name for field in self.model._meta.concrete_fields}
        values = {name: value for name, value in sids.items() if name in own and value}
        if values:
            self.model._default_manager.filter(pk=contact_id).update(**values)


_registry: dict[type[models.Model], ContactAdapter] = {}


def register(*model_classes: type[models.Model]) -> Callable[[AdapterType], AdapterType]:
    """Class decorator: use the adapter for these models. Raises ImproperlyConfigured on a second registration."""

    def wrap(adapter_class: AdapterType) -> AdapterType:
        for model in model_classes:
            if model in _registry:
                raise ImproperlyConfigured(f"{model._meta.label} is already registered with flex_outbound.")
            _registry[model] = adapter_class(model)
        return adapter_class

    return wrap


def unregister(*model_classes: type[models.Model]) -> None:
    """Forget the adapters of these models."""
    for model in model_classes:
        _registry.pop(model, None)


def registered() -> dict[type[models.Model], ContactAdapter]:
    """Return a copy of the registry."""
    return dict(_registry)


def channels_in_use() -> list[Channel]:
    """Return the channels that contacts of this project may have: what pages bring along in any case.

    SMS, WhatsApp and email are always among them; the others where an adapter names a field for one, or has a
    ``get_addresses`` of its own.
    """
    adapters = [type(adapter) for adapter in _registry.values()]
    is_own = any(one.get_addresses is not ContactAdapter.get_addresses for one in adapters)
    fields = {one: f"{one.value}_field" for one in Channel if one not in ALWAYS_SHOWN}
    return [*ALWAYS_SHOWN, *(one for one, name in fields.items() if is_own or any(getattr(a, name) for a in adapters))]


def adapter_for(model: type[models.Model]) -> ContactAdapter:
    """Return the adapter of a model, or of the nearest registered ancestor (proxies included).

    Raises LookupError where none is registered; the message says how to register one.
    """
    for candidate in model.__mro__:
        if candidate in _registry:
            return _registry[candidate]
    raise LookupError(
        f"{model._meta.label} is not registered with flex_outbound: decorate a ContactAdapter with "
        f"@register({model.__name__}) in flex_contacts.py of an installed app."
    )


def label_of(model: type[models.Model]) -> str:
    """Return the name of a contact type as the API spells it, ``app_label.model``."""
    return model._meta.concrete_model._meta.label_lower  # type: ignore[union-attr]


def adapter_by_label(label: str) -> ContactAdapter:
    """Return the adapter for ``app_label.model`` in any case. Raises LookupError."""
    for model, adapter in _registry.items():
        if label_of(model) == label.lower():
            return adapter
    raise LookupError(f"“{label}” is not a registered contact type.")


def adapter_by_type(content_type_id: int | None) -> ContactAdapter | None:
    """Return the adapter for rows that carry a content type; None where its model is gone or not registered.

    Rows carry the type of the table, also where only a proxy of it is registered. None of those without a contact.
    """
    if content_type_id is None:
        return None
    model = ContentType.objects.get_for_id(content_type_id).model_class()
    return None if model is None else adapter_of_table(model)


def adapter_of_table(model: type[models.Model]) -> ContactAdapter | None:
    """Return the adapter for a model, also where only a proxy of it is registered; None where there is none."""
    try:
        return adapter_for(model)
    except LookupError:
        proxies = (one for one in _registry if one._meta.concrete_model is model)
        return _registry.get(next(proxies, model))


def read_id(adapter: ContactAdapter, contact_id: str) -> Any | None:
    """Return the primary key that a text stands for, None where it stands for none.

    Every way in reads an id by this function, so 007 is 7 for all of them, or for none.
    """
    if "\x00" in contact_id:  # which PostgreSQL refuses even to compare
        return None
    try:
        return adapter.model._meta.pk.to_python(contact_id)
    except (ValueError, TypeError, OverflowError, ValidationError):
        return None


def stored_id(adapter: ContactAdapter, contact_id: str) -> str:
    """Return an id in the form in which interactions keep it; a text that is no id stays as it is."""
    key = read_id(adapter, contact_id)
    return contact_id if key is None else str(key)


def id_of(adapter: ContactAdapter, contact: Any) -> str:
    """Return the id under which interactions keep a contact: that of the registered model, also for its children."""
    key = adapter.model._meta.pk
    return str(getattr(contact, key.attname, contact.pk) if key is not None else contact.pk)


def find_contact(adapter: ContactAdapter, user: Any, contact_id: str) -> Any | None:
    """Return the contact if the user may see it, else None; an id of the wrong type is simply not found."""
    key = read_id(adapter, contact_id)
    if key is None:
        return None
    try:
        return adapter.get_queryset(user).filter(pk=key).first()
    except (ValueError, TypeError, OverflowError, ValidationError):
        return None


def content_type_of(adapter: ContactAdapter) -> ContentType:
    """Return the content type that rows of this adapter's contacts carry."""
    return ContentType.objects.get_for_model(adapter.model, for_concrete_model=True)


def contact_of(interaction: Interaction) -> Any | None:
    """Return the contact of a row, None where it is gone or its model is not registered (any more).

    Unlike the relation ``interaction.contact`` it goes through the model's own manager and so to its own database.
    """
    try:
        adapter = adapter_by_type(interaction.contact_type_id)
        return adapter and adapter.model._default_manager.filter(pk=interaction.contact_id).first()
    except (ValueError, TypeError, OverflowError, ValidationError):
        return None


def _owner_of(contact: models.Model) -> tuple[type[models.Model], str]:
    try:
        adapter = adapter_for(type(contact))
    except LookupError:
        return type(contact), str(contact.pk)
    return adapter.model, id_of(adapter, contact)


use_owner(_owner_of)


def move_history(old: models.Model, new: models.Model) -> int:
    """Give the interactions and conversations of one contact to another, as when two are merged.

    Returns how many interactions were moved. Call it before ``old`` is deleted. Addresses stay as they were clicked:
    what is still to be sent goes to the address that the agent saw, and nowhere if ``new`` does not have it. A row that
    is open to the same address as one of ``new`` stays where it is; call again once either has ended. The newest SIDs
    are written onto ``new`` through its adapter. Raises LookupError for a model that is not registered, ValueError
    where both are the same contact.
    """
    source, target = (_row_keys(contact) for contact in (old, new))
    if source == target:
        raise ValueError("The history of a contact cannot be moved to itself.")
    for _try in range(3):
        # A click on ``new`` in the same moment may get in the way: then its row is there to be seen.
        try:
            moved = move_rows(source, target)
        except IntegrityError:
            continue
        if moved:
            _store_newest(new, target)
            tell_moved(new)
        return moved
    return 0


def _row_keys(contact: models.Model) -> dict[str, Any]:
    adapter = adapter_for(type(contact))
    return {"contact_type": content_type_of(adapter), "contact_id": id_of(adapter, contact)}


def _store_newest(contact: models.Model, keys: dict[str, Any]) -> None:
    # What waits for an answer was not opened, and has a conversation all the same.
    named = Q(opened_at__isnull=False) | Q(opens_on_answer=True, conversation_sid__isnull=False)
    since = Coalesce("opened_at", "created_at")
    newest = Interaction.objects.filter(named, **keys).order_by(since.desc(), "-id").first()
    if newest is not None:
        names = ("interaction_sid", "task_sid", "conversation_sid")
        sids = {f"last_{name}": getattr(newest, name) for name in names}
        adapter_for(type(contact)).store_sids(keys["contact_id"], sids)
