"""A task's attributes and what is changed about them. Pure.

Each writer of a task's attributes replaces all of them, so a change is merged into what the task has:
https://www.twilio.com/docs/taskrouter/api/task#update-a-task-resource
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from flex_outbound.exceptions import Refused
from flex_outbound.gateway.payloads import MAX_ATTRIBUTES

_ANEW: Final = ""
"""A name that is no attribute's. Among the changes of a dict it says that nothing is kept of what the dict was."""


def merged(attributes: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``attributes`` with ``changes``: dicts are merged, other values replaced, and None drops a key."""
    result = {} if _ANEW in changes else dict(attributes)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            known = result.get(key)
            result[key] = merged(known if isinstance(known, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def combined(earlier: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Return one change that does what two do, one after the other. None stays: it still has to drop its key.

    A dict that follows None or another value replaces what the task has, so it is marked with ``_ANEW``.
    """
    result = dict(earlier)
    for key, value in later.items():
        if isinstance(value, Mapping) and key in result:
            known = result[key]
            value = combined(known if isinstance(known, Mapping) else {_ANEW: None}, value)
        result[key] = value
    return result


def length(attributes: Mapping[str, Any]) -> int:
    """Return how many characters attributes have at Twilio. One outside the basic plane, such as 😀, counts as two."""
    return len(_text(attributes).encode("utf-16-le", "surrogatepass")) // 2


def as_text(attributes: Mapping[str, Any]) -> str:
    """Return attributes as they are sent. Raises Refused where TaskRouter would refuse them by their length."""
    size = length(attributes)
    if size > MAX_ATTRIBUTES:
        words = f"The task's attributes would have {size} characters; {MAX_ATTRIBUTES} are allowed."
        raise Refused(words, reason="invalid_request")
    return _text(attributes)


def _text(attributes: Mapping[str, Any]) -> str:
    return json.dumps(attributes, ensure_ascii=False, separators=(",", ":"))
