"""Changing a task's attributes: read, merged, and written only if nobody has changed them meanwhile.

https://www.twilio.com/docs/taskrouter/api/task#update-a-task-resource
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from flex_outbound.exceptions import NotAccepted, Refused
from flex_outbound.gateway import attributes, results
from flex_outbound.gateway.calls import found_or_none
from flex_outbound.gateway.classify import malformed
from flex_outbound.gateway.observe import Operation
from flex_outbound.gateway.queries import TwilioQueries
from flex_outbound.twilio_statuses import TaskStatus

TRIES: Final = 4
"""How often a task is read and written in one call, where others change it in between."""

_ENDED: Final = frozenset({TaskStatus.COMPLETED, TaskStatus.CANCELED})


class TwilioTasks(TwilioQueries):
    """Tasks of one account: they are changed, and never canceled, completed or deleted."""

    def update_task_attributes(
        self, task_sid: str, changes: Mapping[str, Any], check: Callable[[], None] = lambda: None
    ) -> bool:
        """Merge ``changes`` into a task's attributes; return False where the task is gone.

        ``check``: called before each write, after the task was read; what it raises is raised.

        Raises NotAccepted where others change the task again and again, and Refused, before anything is written, where
        the attributes would be too long.
        """
        for _ in range(TRIES - 1):
            try:
                return self._update_once(task_sid, changes, check)
            except NotAccepted as error:
                # At 412 somebody was faster; what they wrote is read at once, and kept.
                if error.http_status != 412:
                    raise
        return self._update_once(task_sid, changes, check)

    def _update_once(self, task_sid: str, changes: Mapping[str, Any], check: Callable[[], None]) -> bool:
        task = self._tasks(task_sid)
        record = found_or_none(partial(self._fetch, Operation.FETCH_TASK, task), missing=(404,))
        if record is None:
            return False
        etag = self._http.last_etag
        before = results.attributes_of_task(record.attributes)
        if before is None:
            # Written back, what cannot be read would be lost.
            raise malformed("no readable attributes", self._http.last_status)
        after = attributes.merged(before, changes)
        if after == before:
            return True
        fields: dict[str, Any] = {"attributes": attributes.as_text(after)}
        # With its quotes, as it came: RFC 9110, section 13.1.1.
        fields |= {"if_match": etag} if etag else {}
        # After the reading: whatever is written between this and our own writing changes the ETag.
        check()
        try:
            with self._call(Operation.UPDATE_TASK):
                task.update(**fields)
        except Refused as error:
            # Whether TaskRouter changes a task that has ended is not documented.
            is_over = error.http_status == 404 or (error.http_status == 400 and record.assignment_status in _ENDED)
            if not is_over:
                raise
            return False
        return True
