from django.urls import include, path
from leads.admin import crm

urlpatterns = [
    path("crm/", crm.urls),
    path("flex/", include("flex_outbound.urls")),
]
