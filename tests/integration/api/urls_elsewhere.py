"""The app under another prefix and another namespace, beside an endpoint of the host's own."""

from django.urls import include, path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class HostView(APIView):
    """An endpoint of the host's, with DRF's own schema class."""

    def get(self, request: Request) -> Response:
        """Answer."""
        return Response({})


urlpatterns = [
    path("host/", HostView.as_view()),
    path("deep/down/here/", include("flex_outbound.urls", namespace="messages")),
]
