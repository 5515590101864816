"""The addresses that customers see, for managers."""

from django.contrib import admin

from flex_outbound.models import Sender


@admin.register(Sender)
class SenderAdmin(admin.ModelAdmin):
    """The addresses that customers see."""

    list_display = ("display_name", "channel", "address", "account", "is_default", "is_active")
    list_filter = ("channel", "is_active", "account")
    list_select_related = ("account",)
    search_fields = ("display_name", "address")
