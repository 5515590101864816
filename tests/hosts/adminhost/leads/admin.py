from django.contrib import admin

from flex_outbound.admin import FlexContactAdminMixin, register_with
from leads.models import Lead


class CrmSite(admin.AdminSite):
    site_header = site_title = "Sales"


crm = CrmSite(name="crm")
register_with(crm)


@admin.register(Lead, site=crm)
class LeadAdmin(FlexContactAdminMixin, admin.ModelAdmin):
    list_display = ["name", "company", "stage"]
    list_editable = ["stage"]
    list_filter = ["stage"]
    search_fields = ["name", "company"]
