"""Puts our parts into a page that a theme has rendered: into the head, and around the form of a contact.

Themes replace the admin's templates. Some move its blocks into the form, others leave them out, so no block can be
relied on. HTML allows no form within a form: browsers drop the inner one, and its button saves the contact instead of
sending. A part is therefore placed by what every page has, its head and its forms, and never within one of them.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_TOKENS: Final = re.compile(
    # What is text, or a document of its own, and may look like tags.
    r"<!--.*?-->|<(?P<opaque>script|style|template|textarea|title|noscript)\b.*?</(?P=opaque)\s*>"
    r"|(?P<tag></?(?:form|head|body)\b(?:[^>\"']|\"[^\"]*\"|'[^']*')*>)",
    re.IGNORECASE | re.DOTALL,
)


class _Span(NamedTuple):
    """An element of a page, from its first sign to behind its last."""

    begin: int
    end: int


def in_head(page: str, part: str) -> str:
    """Return a page with ``part`` at the end of its head; at the end of a page that has none."""
    ends = [tag.start() for tag in _tags(page) if tag["tag"].lower().startswith("</head")]
    place = ends[0] if ends else _end_of(page)
    return page[:place] + part + page[place:]


def around_form(page: str, form_id: str, before: str, after: str) -> str:
    """Return a page with two parts around a form: that with the id, else the longest one that posts.

    They are at the end of a page that has no form. Neither is ever within a form.
    """
    span = _form(page, form_id) or _Span(_end_of(page), _end_of(page))
    return page[: span.begin] + before + page[span.begin : span.end] + after + page[span.end :]


def _form(page: str, form_id: str) -> _Span | None:
    is_it = re.compile(rf"<form\b[^>]*\bid\s*=\s*[\"']?{re.escape(form_id)}[\"'\s>]", re.IGNORECASE)
    posts = re.compile(r"<form\b[^>]*\bmethod\s*=\s*[\"']?post\b", re.IGNORECASE)
    forms = list(_outermost_forms(page))
    named = [span for span in forms if is_it.search(page, *span)]
    posting = [span for span in forms if posts.match(page, *span)]
    return next(iter(named), None) or max(posting, key=lambda span: span.end - span.begin, default=None)


def _outermost_forms(page: str) -> Iterator[_Span]:
    depth = begin = 0
    for tag in _tags(page):
        name = tag["tag"].lower()
        if name.startswith("<form"):
            begin = begin if depth else tag.start()
            depth += 1
        elif name.startswith("</form") and depth:
            depth -= 1
            if not depth:
                yield _Span(begin, tag.end())
    if depth:
        yield _Span(begin, _end_of(page))


def _end_of(page: str) -> int:
    ends = [tag.start() for tag in _tags(page) if tag["tag"].lower().startswith("</body")]
    return ends[-1] if ends else len(page)


def _tags(page: str) -> Iterator[re.Match[str]]:
    return (found for found in _TOKENS.finditer(page) if found["tag"])
