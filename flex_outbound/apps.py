"""The app's configuration: finds the project's contacts and connects the job queue."""

from importlib import import_module
from importlib.util import find_spec

from django.apps import AppConfig, apps
from django.core.exceptions import ImproperlyConfigured
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _

NEEDED = ("django.contrib.contenttypes", "django.contrib.auth")


class FlexOutboundConfig(AppConfig):
    """Django app ``flex_outbound``."""

    name = "flex_outbound"
    verbose_name = _("Flex outbound")
    default_auto_field = "django.db.models.BigAutoField"

    def import_models(self) -> None:
        """Say which app is missing before a model of ours fails for it in words about somebody else's model."""
        missing = [name for name in NEEDED if not apps.is_installed(name)]
        if missing:
            raise ImproperlyConfigured(f"flex_outbound needs {' and '.join(missing)}: INSTALLED_APPS += {missing}")
        super().import_models()

    def ready(self) -> None:
        """Load ``flex_contacts`` of every installed app, as the admin loads ``admin``, and connect our receivers."""
        autodiscover_modules("flex_contacts")
        # By name: they need the models, which are not there yet when this module is imported.
        import_module("flex_outbound.tasks")
        import_module("flex_outbound.checks")
        discretion = import_module("flex_outbound.discretion")
        connection_created.connect(discretion.install, dispatch_uid="flex_outbound.discretion")
        groups = import_module("flex_outbound.groups")
        post_migrate.connect(groups.make_groups, sender=self, dispatch_uid="flex_outbound.groups")
        import_module("flex_outbound.outbox.contact_signals").connect()
        import_module("flex_outbound.outbox.conversations.searching").observe()
        if find_spec("prometheus_client"):
            import_module("flex_outbound.metrics.subscribe")
