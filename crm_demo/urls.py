"""The demo's addresses."""

from importlib.util import find_spec

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path

from crm_demo.views import ContactDetail, ContactList

crm = (
    [
        path("", ContactList.as_view(), name="contacts"),
        path("contacts/<int:pk>/", ContactDetail.as_view(), name="contact"),
    ],
    "crm",
)

urlpatterns = [
    path("", include(crm)),
    path("accounts/login/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
]
if find_spec("flex_outbound.urls"):
    urlpatterns.append(path("flex/", include("flex_outbound.urls")))
