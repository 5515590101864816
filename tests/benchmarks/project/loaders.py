"""Loaders that take our tags out of the demo's templates: the same pages, without us."""

import re

from django.template import Origin
from django.template.loaders import app_directories, filesystem

_OURS = re.compile(r"{%\s*flex_\w+[^%]*%}")


class Files(filesystem.Loader):
    """The project's templates."""

    def get_contents(self, origin: Origin) -> str:
        """Return a template without our tags."""
        return _OURS.sub("", super().get_contents(origin))


class Apps(app_directories.Loader):
    """The apps' templates."""

    def get_contents(self, origin: Origin) -> str:
        """Return a template without our tags."""
        return _OURS.sub("", super().get_contents(origin))
