"""Notices that the window was closed.

The kernel tells only the leader of the session. Where that is a shell it passes the news on; where it is
``make`` it keeps the news to itself and waits for us.
"""

import os

STANDARD = (0, 1, 2)
"""Standard input, output and error."""


class Terminal:
    """The terminal that this process was started on, if it was."""

    def __init__(self) -> None:
        self._descriptors = [descriptor for descriptor in STANDARD if os.isatty(descriptor)]

    @property
    def is_gone(self) -> bool:
        """True once it was closed; never where there was none."""
        return any(not os.isatty(descriptor) for descriptor in self._descriptors)
