from customers.views import CustomerList, CustomerPage
from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.urls import include, path

urlpatterns = [
    path("", CustomerList.as_view(), name="customers"),
    path("customers/<uuid:pk>/", CustomerPage.as_view(), name="customer"),
    path("login/", LoginView.as_view(), name="login"),
    path("admin/", admin.site.urls),
    path("flex/", include("flex_outbound.urls")),
]
