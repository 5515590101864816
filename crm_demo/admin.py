"""Contacts in the Django admin, for users who may change them."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.http import HttpRequest

from crm_demo.models import Contact, ContactQuerySet

if TYPE_CHECKING:
    Base = admin.ModelAdmin
else:
    # Django's own class takes no type arguments at run time; its stubs require them.
    Base = admin.ModelAdmin


@admin.register(Contact)
class ContactAdmin(Base):
    """The usual list and form."""

    list_display = ["full_name", "company", "mobile", "email", "country", "owner", "do_not_contact", "restricted"]
    list_filter = ["do_not_contact", "restricted", "country"]
    list_select_related = ["owner"]
    search_fields = ["full_name", "company", "mobile", "phone", "email"]
    readonly_fields = ["last_interaction_sid", "last_task_sid", "last_conversation_sid", "created_at"]
    raw_id_fields = ["owner"]

    def get_queryset(self, request: HttpRequest) -> ContactQuerySet:
        """Return the contacts that the user sees in the CRM."""
        return Contact.objects.visible_to(request.user)
