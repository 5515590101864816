"""Notices that the terminal's window was closed.

The kernel signals only the leader of the session. A shell passes the signal on; ``make`` does not and waits for the
demo to end.
"""

import os

STANDARD = (0, 1, 2)
"""Standard input, output and error."""


class Terminal:
    """The terminal that this process was started on, if any."""

    def __init__(self) -> None:
        self._descriptors = [descriptor for descriptor in STANDARD if os.isatty(descriptor)]

    @property
    def is_gone(self) -> bool:
        """True once it was closed. Always False without a terminal."""
        return any(not os.isatty(descriptor) for descriptor in self._descriptors)
