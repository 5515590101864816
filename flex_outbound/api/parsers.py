"""JSON as RFC 8259 has it: always UTF-8, and no depth of nesting that breaks the parser."""

from collections.abc import Mapping
from typing import IO, Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


class Utf8JSONParser(JSONParser):
    """DRF's parser, made safe against odd charsets and deep nesting, either of which would be a server error."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return what the body holds. Raises ParseError."""
        try:
            return super().parse(stream, media_type, {**(parser_context or {}), "encoding": "utf-8"})
        except RecursionError as error:
            raise ParseError(_("This JSON is nested too deeply.")) from error
