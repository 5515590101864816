"""The project: installed apps, urls, middleware, time zones, database routers and contact models."""

from collections.abc import Sequence
from importlib.util import find_spec
from inspect import Parameter, signature
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import FieldDoesNotExist
from django.db import DEFAULT_DB_ALIAS, models, router
from django.middleware.csrf import CsrfViewMiddleware
from django.template import TemplateDoesNotExist
from django.template.loader import get_template
from django.urls import NoReverseMatch, reverse
from django.utils.module_loading import import_string

from flex_outbound.contacts import registered
from flex_outbound.models import Interaction


@register("flex_outbound")
def check_installed(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that Django REST framework is installed and a contact model is registered."""
    found: list[CheckMessage] = []
    if not apps.is_installed("rest_framework"):
        found.append(
            Error(
                "flex_outbound needs Django REST framework.",
                hint="INSTALLED_APPS += ['rest_framework']",
                id="flex_outbound.E010",
            )
        )
    if not registered():
        found.append(
            Warning(
                "No contact model is registered with flex_outbound.",
                hint="Decorate a ContactAdapter with @register(YourModel) in flex_contacts.py of an installed app.",
                id="flex_outbound.W001",
            )
        )
    return [*found, *_adapters()]


def _adapters() -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for model, adapter in registered().items():
        phones, emails = adapter.phone_field, adapter.email_field
        names = [adapter.name_field, adapter.region_field]
        for fields in (phones, emails):
            names += [fields] if isinstance(fields, str) else list(fields or ())
        for name in filter(None, names):
            if not _can_be_read(model, name):
                found.append(
                    Error(
                        f"{type(adapter).__name__} names the field {name!r}, which {model._meta.label} does not have.",
                        hint="Name a field, a property, or a method without arguments of the model, or override the "
                        "adapter's method.",
                        obj=model,
                        id="flex_outbound.E011",
                    )
                )
    return found


def _can_be_read(model: type[models.Model], name: str) -> bool:
    """Tell whether a model has a field, a property, or a method without arguments that changes nothing."""
    try:
        model._meta.get_field(name)
    except FieldDoesNotExist:
        attribute = getattr(model, name, None)
        if not callable(attribute):
            return attribute is not None
        required = [one for one in signature(attribute).parameters.values() if one.default is Parameter.empty]
        needs_more = len([one for one in required if one.kind is not Parameter.VAR_KEYWORD]) > 1
        return not needs_more and not getattr(attribute, "alters_data", False)
    return True


@register("flex_outbound")
def check_time_zone(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check USE_TZ: times are compared with the database's clock and with Twilio's, so they need a time zone."""
    if settings.USE_TZ:
        return []
    return [
        Error(
            "flex_outbound needs USE_TZ = True.",
            hint="USE_TZ = True; pages still show times in TIME_ZONE. "
            "See https://docs.djangoproject.com/en/stable/topics/i18n/timezones/#migration-guide.",
            id="flex_outbound.E016",
        )
    ]


@register("flex_outbound")
def check_router(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that our tables are in the default database, for reading and writing: transactions are opened there.

    Users and content types are beside them. A replica would show an old status. Contacts may be in any database.
    """
    aliases = {router.db_for_read(Interaction), router.db_for_write(Interaction)}
    if aliases == {DEFAULT_DB_ALIAS}:
        return []
    elsewhere = ", ".join(sorted(aliases - {DEFAULT_DB_ALIAS}))
    return [
        Error(
            f"DATABASE_ROUTERS lead flex_outbound to another database than “default”: {elsewhere}.",
            hint="Let the routers return 'default' for the app label flex_outbound, for reading and for writing; "
            "contacts may be elsewhere.",
            id="flex_outbound.E018",
        )
    ]


@register("flex_outbound")
def check_urls(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that our urls are included. Those of a second urlconf are not found, so this is only a warning."""
    if not getattr(settings, "ROOT_URLCONF", None):
        return []
    try:
        reverse("flex_outbound:send")
    except NoReverseMatch:
        hint = "path('flex/', include('flex_outbound.urls')) in urlpatterns; its namespace is flex_outbound."
        return [Warning("flex_outbound.urls is not included.", hint=hint, id="flex_outbound.W002")]
    return []


@register("flex_outbound")
def check_pages(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check middleware and templates for buttons and forms. A project without sessions uses only the API."""
    kinds = [kind for kind in map(_imported, getattr(settings, "MIDDLEWARE", ())) if isinstance(kind, type)]
    if not any(issubclass(kind, SessionMiddleware) for kind in kinds):
        return []
    found: list[CheckMessage] = [
        Warning(
            f"The forms of flex_outbound need {wanted.__name__}.",
            hint=f"MIDDLEWARE += ['{wanted.__module__}.{wanted.__name__}'], after SessionMiddleware.",
            id="flex_outbound.W006",
        )
        for wanted in (AuthenticationMiddleware, CsrfViewMiddleware)
        if not any(issubclass(kind, wanted) for kind in kinds)
    ]
    try:
        get_template("flex_outbound/buttons.html")
    except TemplateDoesNotExist:
        hint = "Set APP_DIRS to True for a backend of Django's own templates in TEMPLATES."
        found.append(Warning("The templates of flex_outbound are not found.", hint=hint, id="flex_outbound.W009"))
    return found


def _imported(path: str) -> Any:
    try:
        return import_string(path)
    except ImportError:
        return None  # Django reports it


@register("flex_outbound")
def check_metrics(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that prometheus_client is installed if METRICS_TOKEN is set."""
    given = getattr(settings, "FLEX_OUTBOUND", {})
    if isinstance(given, dict) and given.get("METRICS_TOKEN") and find_spec("prometheus_client") is None:
        hint = "pip install 'django-flex-outbound[metrics]', or remove METRICS_TOKEN."
        return [
            Warning("METRICS_TOKEN is set, but prometheus_client is not installed.", hint=hint, id="flex_outbound.W008")
        ]
    return []
