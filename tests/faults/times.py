"""The times of the app's settings here, in seconds: as short as its system checks allow, for the runs to be short."""

from typing import Final

LEASE: Final = 4
SETTLE: Final = 6
SWEEP: Final = 1

NEVER_REACHED: Final = LEASE + SWEEP
"""In so many seconds a click that never reached Twilio is sent again."""

UNKNOWN: Final = SETTLE + 2 * SWEEP
"""In so many seconds an unknown outcome is found, or sent again."""
