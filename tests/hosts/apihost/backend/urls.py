from django.urls import include, path
from rest_framework.authtoken.views import obtain_auth_token

urlpatterns = [
    path("token/", obtain_auth_token),
    path("flex/", include("flex_outbound.urls")),
]
