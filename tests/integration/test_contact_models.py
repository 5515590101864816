"""Which models can be contacts, and whose rows a contact's interactions are."""

# ruff: noqa: DJ008
from collections.abc import Callable, Iterator

import pytest
from django.core.checks import CheckMessage
from django.db import models
from django.test.utils import isolate_apps
from django.utils import timezone

from crm_demo.models import Contact
from flex_outbound import contacts
from flex_outbound.checks.contacts import check_contact_models
from flex_outbound.contacts import ContactAdapter, adapter_by_type, adapter_for, content_type_of, id_of, register
from flex_outbound.models import Interaction


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is registered but what a test registers."""
    monkeypatch.setattr(contacts, "_registry", {})
    with isolate_apps("crm_demo"):
        yield


class Adapter(ContactAdapter):
    """One adapter."""


class OtherAdapter(ContactAdapter):
    """And another."""


def found(*adapters: tuple[type[ContactAdapter], type[models.Model]]) -> list[str]:
    for adapter, model in adapters:
        register(model)(adapter)
    messages: list[CheckMessage] = check_contact_models(None)
    assert all(message.hint for message in messages)
    return [str(message.id).removeprefix("flex_outbound.") for message in messages]


def test_an_ordinary_model_is_right() -> None:
    assert found((Adapter, Contact)) == []


def test_a_key_of_several_columns_is_an_error() -> None:
    class Line(models.Model):
        pk = models.CompositePrimaryKey("tenant", "number")
        tenant = models.IntegerField()
        number = models.IntegerField()

        class Meta:
            app_label = "crm_demo"

    assert found((Adapter, Line)) == ["E020"]


@pytest.mark.parametrize(
    "key", [models.BinaryField(primary_key=True), models.CharField(max_length=256, primary_key=True)]
)
def test_a_key_that_is_no_short_text_is_an_error(key: models.Field) -> None:  # type: ignore[type-arg]
    class Odd(models.Model):
        code = key

        class Meta:
            app_label = "crm_demo"

    class Beside(models.Model):
        odd = models.OneToOneField(Odd, models.CASCADE, primary_key=True)

        class Meta:
            app_label = "crm_demo"

    assert found((Adapter, Odd), (Adapter, Beside)) == ["E020", "E020"]


def test_an_abstract_or_swapped_model_is_an_error() -> None:
    class Person(models.Model):
        class Meta:
            app_label = "crm_demo"
            abstract = True

    class Swapped(models.Model):
        class Meta:
            app_label = "crm_demo"
            swappable = "AUTH_USER_MODEL"

    assert found((Adapter, Person), (Adapter, Swapped)) == ["E020", "E020"]


class Family:
    """A model with a child of its own table, a proxy, and a child of that."""

    def __init__(self) -> None:
        class Party(models.Model):
            class Meta:
                app_label = "crm_demo"

        class Company(Party):
            class Meta:
                app_label = "crm_demo"

        class Supplier(Party):
            class Meta:
                app_label = "crm_demo"
                proxy = True

        class Buyer(Party):
            class Meta:
                app_label = "crm_demo"
                proxy = True

        self.party, self.company, self.supplier, self.buyer = Party, Company, Supplier, Buyer


def test_parent_and_child_are_one_person() -> None:
    family = Family()
    assert found((Adapter, family.party), (Adapter, family.company)) == ["W016"]


def test_a_child_and_the_proxy_of_its_parent_are_one_person_too() -> None:
    family = Family()
    assert found((Adapter, family.company), (OtherAdapter, family.supplier)) == ["W016"]


@pytest.mark.parametrize(("second", "ids"), [(Adapter, []), (OtherAdapter, ["E021"])])
def test_two_proxies_of_a_table_have_one_adapter(second: type[ContactAdapter], ids: list[str]) -> None:
    family = Family()
    assert found((Adapter, family.supplier), (second, family.buyer)) == ids


def test_children_of_one_parent_are_different_people() -> None:
    family = Family()

    class Person(family.party):  # type: ignore[misc, name-defined]
        class Meta:
            app_label = "crm_demo"

    assert found((Adapter, family.company), (Adapter, Person)) == []


@pytest.mark.django_db
def test_a_child_has_the_history_of_its_registered_parent(click: Callable[..., Interaction]) -> None:
    class Vip(Contact):
        code = models.CharField(max_length=9, primary_key=True)
        contact = models.OneToOneField(Contact, models.CASCADE, parent_link=True)

        class Meta:
            app_label = "crm_demo"

    register(Contact)(Adapter)
    row = click(timezone.now())
    Interaction.objects.update(contact_id="7")
    vip = Vip(code="vip-1", id=7)
    assert id_of(adapter_for(Vip), vip) == "7"
    assert list(Interaction.objects.for_contact(vip)) == [row]
    contacts.unregister(Contact)
    assert not Interaction.objects.for_contact(Contact(pk=0)).exists()


@pytest.mark.django_db
def test_rows_of_a_proxy_find_its_adapter() -> None:
    class Lead(Contact):
        class Meta:
            app_label = "crm_demo"
            proxy = True

    register(Lead)(Adapter)
    adapter = adapter_for(Lead)
    assert adapter_by_type(content_type_of(adapter).pk) is adapter
    contacts.unregister(Lead)
    assert adapter_by_type(content_type_of(adapter).pk) is None
