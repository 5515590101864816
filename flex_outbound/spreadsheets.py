"""CSV files that spreadsheets open: how they begin, and cells that none of them runs (vocabulary)."""

import re
from typing import Any, Final

BOM: Final = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""Spreadsheets recognise UTF-8 by it."""

_SIGN: Final = re.compile(r"[=+\-@\t\r\n＝＋－＠﹦﹢﹣﹫]")
"""What may begin a formula, East Asian forms included, or be cut off in front of one."""

_FORMULA: Final = re.compile(
    r"(?:\A(?=[\t\r\n])|(?:\A|(?<=[,;\t\r\n]))"
    r"(?=[\s\"\u00ad\u200b-\u200f\u2060\ufeff]*[=+\-@＝＋－＠﹦﹢﹣﹫]))"
)
"""Where a cell begins that could be read as a formula, whichever of comma, semicolon and tab separates the cells.

Spreadsheets in many languages take the semicolon, and do not ask whether the comma was meant. Spaces, quotes and
invisible characters in front of the formula are passed over, because some programs drop them.
"""

_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?")


def safe(value: Any) -> str:
    """Return a cell that no spreadsheet runs: what could be read as a formula gets an apostrophe in front.

    A number stays as it is, with its sign, so that telephone numbers can be used.
    Source: https://owasp.org/www-community/attacks/CSV_Injection
    """
    text = "" if value is None else str(value)
    if not _SIGN.search(text) or _NUMBER.fullmatch(text):
        return text
    return _FORMULA.sub("'", text)
