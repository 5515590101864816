"""How the pages become a site: ``make docs``. They stay plain Markdown, readable where they are."""

import os
import re
import sys
from pathlib import Path

import django
from sphinx.application import Sphinx

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "crm_demo.settings")
django.setup()

import flex_outbound  # noqa: E402 - Django's settings come first

project = "django-flex-outbound"
author = "The django-flex-outbound contributors"
release = version = flex_outbound.__version__
language = "en"

extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
root_doc = "index"
suppress_warnings: list[str] = []
myst_heading_anchors = 4

html_theme = "furo"
html_title = f"{project} {release}"
html_show_copyright = html_copy_source = html_show_sourcelink = False
html_static_path, html_css_files = ["_static"], ["site.css"]
pygments_style, pygments_dark_style = "friendly", "github-dark"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True}

SOURCE = "https://github.com/django-flex-outbound/django-flex-outbound/blob/main"

PARTS = {
    "Begin": ["quickstart", "setting-up", "glossary"],
    "In your project": [
        "install-in-your-project",
        "hosts/server-rendered",
        "hosts/admin-as-crm",
        "hosts/api-only",
        "hosts/existing-schema",
        "hosts/tenants",
        "adapters",
        "signals",
        "templates-and-theming",
        "settings",
        "api",
        "requests",
        "customers",
        "testing",
        "reference",
        "upgrade",
    ],
    "In production": [
        "deployment",
        "operations",
        "dashboard",
        "metrics",
        "webhooks",
        "consent",
        "privacy",
        "security",
        "benchmarks",
    ],
    "Behind it": ["architecture", "sandbox"],
}
"""The navigation. A page that is in none of the parts is a warning, and so an error."""

_LINK = re.compile(r"\]\((\.\./[^)#\s]+)([^)\s]*)\)")


def _navigate(app: Sphinx, docname: str, source: list[str]) -> None:
    """Add the navigation to the overview, and lead links out of this folder to the repository."""
    page = DOCS / f"{docname}.md"
    if not page.exists():
        return

    def lead(found: re.Match[str]) -> str:
        target = (page.parent / found[1]).resolve()
        if target.is_relative_to(DOCS):
            return found[0]
        return f"]({SOURCE}/{target.relative_to(ROOT).as_posix()}{found[2]})"

    source[0] = _LINK.sub(lead, source[0])
    if docname == root_doc:
        for caption, pages in PARTS.items():
            source[0] += "\n".join(["", "```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```", ""])


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _navigate)
