"""Somebody to sign in and somebody to write to."""

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission

from leads.models import Lead


def fill():
    agent = get_user_model().objects.create_user("agent", password="agent", is_staff=True)
    wanted = {"flex_outbound": ["add_interaction", "view_interaction"], "leads": ["view_lead", "change_lead"]}
    for app_label, codenames in wanted.items():
        found = Permission.objects.filter(content_type__app_label=app_label, codename__in=codenames)
        agent.user_permissions.add(*found)
    names = {"ann": "Ann Example", "bob": "Bob Example", "cy": "Cy Example"}
    # For each of the sites, somebody to write to with the script and somebody without.
    names |= {f"{site}-{way}": f"{site} {way}" for site in ("crm", "boxed", "bare") for way in ("live", "plain")}
    leads = {
        key: Lead.objects.create(
            name=name, company="Example & Co.", phone=f"(415) 555-013{number}", email=f"{key}@example.com"
        )
        for number, (key, name) in enumerate(names.items())
    }
    Lead.objects.create(name="Dee Unreachable")
    return agent, {key: lead.pk for key, lead in leads.items()}
