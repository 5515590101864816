"""Admin sites other than Django's default one: registration, and links that stay on the site."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.urls import NoReverseMatch, reverse


def register_with(site: admin.AdminSite) -> None:
    """Register the model admins of flex_outbound on an admin site of the project's own, as on the default site.

    What the site has already, such as a subclass of one of them, stays; calling it again changes nothing.
    """
    for model in apps.get_app_config("flex_outbound").get_models():
        if admin.site.is_registered(model) and not site.is_registered(model):
            site.register(model, type(admin.site.get_model_admin(model)))


def link_on(site: admin.AdminSite, page: str, *args: Any) -> str:
    """Return the address of a page of flex_outbound (``webhookevent_change``) on a site, "" where it has none."""
    try:
        return reverse(f"{site.name}:flex_outbound_{page}", args=args)
    except NoReverseMatch:
        return ""
