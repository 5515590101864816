"""A host's own way to sign in, which drf-spectacular has never heard of."""

from typing import Any

from django.contrib.auth.models import User
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request


class HeaderAuthentication(BaseAuthentication):
    """``Authorization: Agent <user name>``."""

    def authenticate(self, request: Request) -> tuple[Any, None] | None:
        """Return the user."""
        scheme, _space, name = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Agent":
            return None
        user = User.objects.filter(username=name).first()
        if user is None:
            raise AuthenticationFailed
        return user, None

    def authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401."""
        return "Agent"


class Ghost:
    """A user who stands in no table."""

    pk = None
    is_authenticated = True


class GhostAuthentication(BaseAuthentication):
    """Lets everybody in as nobody."""

    def authenticate(self, request: Request) -> tuple[Any, None]:
        """Return a user without a primary key."""
        return Ghost(), None
