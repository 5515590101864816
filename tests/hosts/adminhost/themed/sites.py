"""The same CRM under two themes for the admin, each on a site of its own, as such packages lay out their pages."""

from leads.admin import CrmSite, LeadAdmin
from leads.models import Lead

boxed = CrmSite(name="boxed")
bare = CrmSite(name="bare")


class BoxedLeadAdmin(LeadAdmin):
    """Everything is within the form, Django's block for the object's tools included."""

    change_form_template = "boxed/change_form.html"


class BareLeadAdmin(LeadAdmin):
    """Pages of the theme's own, with none of Django's blocks and no frames around buttons and fields."""

    change_form_template = "bare/change_form.html"
    change_list_template = "bare/change_list.html"


boxed.register(Lead, BoxedLeadAdmin)
bare.register(Lead, BareLeadAdmin)
