"""A project whose contacts are in the admin, on a site of its own, beside Django's default one."""

from django.contrib import admin
from django.urls import include, path

from crm_demo.models import Contact
from flex_outbound.admin import FlexContactAdminMixin, register_with


class ContactAdmin(FlexContactAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    """Columns that can be edited, bulk actions, ours in the middle."""

    list_display = ["full_name", "flex_buttons", "company"]
    list_editable = ["company"]


class PlainContactAdmin(FlexContactAdminMixin, admin.ModelAdmin):  # type: ignore[type-arg]
    """Nothing but the mixin, and a template of the project's own."""

    change_form_template = "own_change_form.html"


site = admin.AdminSite(name="desk")
site.register(Contact, ContactAdmin)
register_with(site)
other = admin.AdminSite(name="other")
other.register(Contact, PlainContactAdmin)

urlpatterns = [
    path("admin/", admin.site.urls),
    path("desk/", site.urls),
    path("other/", other.urls),
    path("flex/", include("flex_outbound.urls")),
]
