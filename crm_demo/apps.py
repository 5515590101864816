"""The demo CRM as a Django app."""

from django.apps import AppConfig


class CrmDemoConfig(AppConfig):
    """Django app ``crm_demo``."""

    name = "crm_demo"
    verbose_name = "CRM"
    default_auto_field = "django.db.models.BigAutoField"
