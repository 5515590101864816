"""Keeps Twilio's secrets and people's texts out of Django's error pages and error mails, also with DEBUG."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from django.http import HttpRequest
from django.template.response import SimpleTemplateResponse
from django.views.debug import SafeExceptionReporterFilter
from django.views.decorators.debug import sensitive_variables

View = TypeVar("View", bound=Callable[..., Any])


class SecretsFilter(SafeExceptionReporterFilter):
    """Django's filter, also active with DEBUG: not only developers may see an error page."""

    def is_active(self, request: HttpRequest | None) -> bool:
        """Return True."""
        return True


def sensitive_view(view: View) -> View:
    """Wrap a view that handles secrets or texts: its errors show neither the posted data nor local variables.

    Source: https://docs.djangoproject.com/en/stable/howto/error-reporting/#filtering-sensitive-information
    """
    hidden = sensitive_variables()(view)

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        request.exception_reporter_filter = SecretsFilter()
        request.sensitive_post_parameters = "__ALL__"  # type: ignore[attr-defined]
        response = hidden(request, *args, **kwargs)
        if isinstance(response, SimpleTemplateResponse):
            # Django renders it after the view has returned.
            response.render = sensitive_variables()(response.render)  # type: ignore[method-assign]
        return response

    return wrapper  # type: ignore[return-value]
