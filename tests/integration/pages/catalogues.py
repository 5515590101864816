"""The compiled catalogues of the app and of the demo."""

import gettext
from pathlib import Path
from typing import Any

import crm_demo
import flex_outbound

HOUSE = Path(flex_outbound.__file__).parent
DEMO = Path(crm_demo.__file__).parent

Catalogue = dict[Any, str]


def compiled(house: Path, language: str) -> Path:
    """Return where an app has its compiled catalogue of a language."""
    return house / "locale" / language / "LC_MESSAGES" / "django.mo"


def catalogue(path: Path) -> Catalogue:
    """Return what a compiled catalogue has: texts by their key, which is a pair with a number for plurals."""
    with path.open("rb") as file:
        return dict(gettext.GNUTranslations(file)._catalog)  # type: ignore[attr-defined]
