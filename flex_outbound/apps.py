"""The app's configuration: finds the project's contacts and connects the job queue."""

from importlib import import_module
from importlib.util import find_spec

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class FlexOutboundConfig(AppConfig):
    """Django app ``flex_outbound``."""

    name = "flex_outbound"
    verbose_name = _("Flex outbound")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Load ``flex_contacts`` of every installed app, as the admin loads ``admin``, and connect the waker."""
        autodiscover_modules("flex_contacts")
        # By name: both need the models, which are not there yet when this module is imported.
        import_module("flex_outbound.tasks")
        import_module("flex_outbound.checks")
        if find_spec("prometheus_client"):
            import_module("flex_outbound.metrics.subscribe")
