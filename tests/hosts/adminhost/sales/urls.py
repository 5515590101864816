from django.urls import include, path
from leads.admin import crm
from themed.sites import bare, boxed

urlpatterns = [
    path("crm/", crm.urls),
    path("boxed/", boxed.urls),
    path("bare/", bare.urls),
    path("flex/", include("flex_outbound.urls")),
]
