"""The script that the installation page gives for trying the sandbox, run as it is printed."""

import re
from pathlib import Path
from typing import Any

import pytest

from crm_demo.models import Contact
from flex_outbound.channels import ALWAYS_SHOWN
from flex_outbound.models import Sender
from flex_outbound.outbox.preflight import channel_options

PAGE = Path(__file__).resolve().parents[2] / "docs" / "install-in-your-project.md"
SCRIPT = re.compile(r"### Try it with the sandbox\n.*?```python\n(.*?)```", re.S)


@pytest.mark.django_db
def test_the_script_makes_every_channel_usable(django_user_model: Any) -> None:
    agent = django_user_model.objects.create_superuser("root", password="root")
    contact = Contact.objects.create(full_name="Ann Example", mobile="+14155550123", email="ann@example.com")
    found = SCRIPT.search(PAGE.read_text())
    assert found is not None
    exec(compile(found[1], PAGE.name, "exec"), {})
    assert {one.channel: one.reason_text for one in channel_options(agent, contact)} == dict.fromkeys(ALWAYS_SHOWN, "")
    defaults = Sender.objects.filter(is_default=True).values_list("channel", flat=True)
    assert sorted(defaults) == sorted(ALWAYS_SHOWN)
