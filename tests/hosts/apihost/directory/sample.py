"""Somebody to sign in and somebody to write to."""

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission

from directory.models import Company, Person


def fill():
    agent = get_user_model().objects.create_user("agent", password="agent")
    agent.user_permissions.add(
        Permission.objects.get(content_type__app_label="flex_outbound", codename="add_interaction")
    )
    ann = Person.objects.create(name="Ann Example", country="US")
    ann.ways.create(kind="phone", label="private", value="(415) 555-0140")
    ann.ways.create(kind="phone", label="work", value="415.555.0141")
    ann.ways.create(kind="email", label="work", value="ann@example.com")
    acme = Company.objects.create(name="Acme", country="GB")
    acme.ways.create(kind="phone", label="front desk", value="07700 900142")
    acme.ways.create(kind="phone", label="sales", value="07700 900143")
    sam = Person.objects.create(name="Sam Silent", country="US", silent=True)
    sam.ways.create(kind="phone", label="private", value="(415) 555-0144")
    return agent, {"ann": ann.pk, "acme": acme.pk, "sam": sam.pk}
