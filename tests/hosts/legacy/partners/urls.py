from django.contrib.auth.views import LoginView
from django.urls import include, path
from oldcrm.views import partner

urlpatterns = [
    path("partners/<path:number>/", partner, name="partner"),
    path("login/", LoginView.as_view(), name="login"),
    path("flex/", include("flex_outbound.urls")),
]
