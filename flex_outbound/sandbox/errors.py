"""Twilio's errors: one exception that becomes Twilio's JSON error body.

https://www.twilio.com/docs/usage/twilios-response#response-formats-exceptions
"""

from __future__ import annotations


class TwilioError(Exception):
    """An error reply: HTTP ``status``, Twilio's ``code``, its ``message`` and extra headers."""

    def __init__(self, status: int, code: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    def body(self) -> dict[str, object]:
        """Return the reply's body as Twilio writes it."""
        return {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }


def bad_request(code: int, message: str) -> TwilioError:
    """Return a 400 with ``code``."""
    return TwilioError(400, code, message)


def missing(parameter: str) -> TwilioError:
    """Return Twilio's answer to a form that lacks ``parameter``."""
    return bad_request(20001, f"Missing required parameter {parameter} in the post body")


def not_found(path: str) -> TwilioError:
    """Return Twilio's answer to a ``path`` that does not exist in this account."""
    return TwilioError(404, 20404, f"The requested resource {path} was not found")


def unauthorized() -> TwilioError:
    """Return Twilio's answer to wrong, missing or suspended credentials."""
    return TwilioError(401, 20003, "Authenticate", {"WWW-Authenticate": 'Basic realm="Twilio API"'})


def method_not_allowed(path: str) -> TwilioError:
    """Return Twilio's answer to a method that ``path`` does not accept."""
    return TwilioError(405, 20004, f"Method not allowed on {path}")


def conflict(code: int, message: str) -> TwilioError:
    """Return a 409 with ``code``."""
    return TwilioError(409, code, message)


def precondition_failed() -> TwilioError:
    """Return Twilio's answer to an ``If-Match`` that is not the resource's ETag."""
    return TwilioError(412, 20412, "ETag mismatch, resource has been updated")


def too_many(what: str, retry_after: int) -> TwilioError:
    """Return a 429 about ``what``, with ``Retry-After`` only if ``retry_after`` seconds are given."""
    headers = {"Retry-After": str(retry_after)} if retry_after else {}
    return TwilioError(429, 20429, f"Too many requests: {what}", headers)
