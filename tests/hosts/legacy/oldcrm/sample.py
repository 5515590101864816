"""The old tables as they were found, somebody to sign in and somebody to write to."""

from pathlib import Path

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connections

from oldcrm.models import Partner, Reach


def fill():
    with connections["oldcrm"].cursor() as cursor:
        for statement in (Path(__file__).parent / "schema.sql").read_text().split(";")[:-1]:
            cursor.execute(statement)
    agent = get_user_model().objects.create_user("agent", password="agent")
    agent.user_permissions.add(
        Permission.objects.get(content_type__app_label="flex_outbound", codename="add_interaction")
    )
    ann = Partner.objects.create(number="P/1998 007-Ä", name="Ann Example")
    Reach.objects.create(id=1, partner=ann, kind="M", value="(415) 555-0150")
    Reach.objects.create(id=2, partner=ann, kind="E", value="ann@example.com")
    return agent, {"ann": ann.pk}
