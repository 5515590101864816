"""What stands in the way of a row that misses its aim, and what was tried: printed below the row."""

from typing import Final

REMARKS: Final[dict[tuple[str, str], str]] = {}
"""By the letter of the group and the name of the row, as the table prints them. A row that meets its aim shows none."""
