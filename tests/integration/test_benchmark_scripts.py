"""The row that the benchmarks multiply to a long history: nothing but a run of minutes makes it otherwise."""

import pytest

from crm_demo.models import Contact
from flex_outbound.models import Interaction
from tests.benchmarks.scripts.history import Given


@pytest.mark.django_db
@pytest.mark.usefixtures("agent", "worker", "senders")
def test_the_row_of_a_history_can_be_saved() -> None:
    contact = Contact.objects.create(full_name="Customer", mobile="+33 6 39 98 00 00")
    Given.load().row(contact).save(force_insert=True)
    assert Interaction.objects.get().address == "+33639980000"
