"""The demo's URLs."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

from crm_demo.help import AskForHelp, HelpSent
from crm_demo.views import ContactDetail, ContactList, Inbox, NewContact

crm = (
    [
        path("", ContactList.as_view(), name="contacts"),
        path("contacts/new/", NewContact.as_view(), name="new"),
        path("inbox/", Inbox.as_view(), name="inbox"),
        path("help/", AskForHelp.as_view(), name="help"),
        path("help/sent/", HelpSent.as_view(), name="help-sent"),
        path("contacts/<int:pk>/", ContactDetail.as_view(), name="contact"),
    ],
    "crm",
)

urlpatterns = [
    path("", include(crm)),
    path("accounts/login/", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("accounts/logout/", LogoutView.as_view(), name="logout"),
    path("admin/", admin.site.urls),
    path("flex/", include("flex_outbound.urls")),
    # Browsers request it on pages that link no icon, such as the admin's.
    path("favicon.ico", RedirectView.as_view(url=static("crm_demo/mark.svg"))),
]
