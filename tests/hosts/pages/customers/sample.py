"""Somebody to sign in and somebody to write to."""

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission

from customers.models import Customer


def fill():
    agent = get_user_model().objects.create_user("agent@example.com", "agent")
    agent.user_permissions.add(
        Permission.objects.get(content_type__app_label="flex_outbound", codename="add_interaction")
    )
    ann = Customer.objects.create(full_name="Ann Example", mobile="(415) 555-0123", email="ann@example.com")
    bob = Customer.objects.create(full_name="Bob Example", mobile="(415) 555-0124", email="bob@example.com")
    return agent, {"ann": ann.pk, "bob": bob.pk}
