"""Rendering the tags as a project's own page would."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.template import RequestContext, Template
from django.test import RequestFactory
from django.utils.functional import SimpleLazyObject

from flex_outbound.models import Account, Conversation
from tests.integration.pages import talk

Render = Callable[..., str]


@pytest.fixture
def render(rf: RequestFactory) -> Render:
    """Render template source: ``render(source, user, path="/", **context)``."""

    def render(source: str, user: Any = None, path: str = "/people/1/?tab=2", **context: Any) -> str:
        request = rf.get(path)
        # As the authentication middleware hands the user over: not read from the database until somebody asks.
        request.user = SimpleLazyObject(lambda: user or AnonymousUser())  # type: ignore[assignment]
        return Template("{% load flex_outbound %}" + source).render(RequestContext(request, context))

    return render


@pytest.fixture
def conversation(account: Account, contact: Any, agent: Any) -> Conversation:
    """The agent's own conversation with the contact."""
    return talk.converse(account, contact, agent)
