"""``python tests/wheel_contents.py FOLDER``: does the wheel there carry the whole package and nothing else?"""

import sys
import zipfile
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "flex_outbound"
DATA = ("templates", "static", "locale", "sandbox/static", "sandbox/templates", "sandbox/openapi")
"""Folders whose every file must be in the wheel."""


def expected() -> set[str]:
    """Return the files of the package, by their paths in the wheel."""
    files = set(PACKAGE.rglob("*.py")) | {PACKAGE / "py.typed"}
    for folder in DATA:
        files |= {path for path in (PACKAGE / folder).rglob("*") if path.is_file()}
    return {path.relative_to(PACKAGE.parent).as_posix() for path in files if "__pycache__" not in path.parts}


def main(folder: Path) -> int:
    """Compare the one wheel in ``folder`` with the tree; print the differences and return 1 where there are any."""
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    missing, foreign = sorted(expected() - found), sorted(found - expected())
    for name in missing:
        print(f"missing from the wheel: {name}")
    for name in foreign:
        print(f"does not belong into the wheel: {name}")
    print(f"{wheel.name}: {len(found)} files, {len(missing)} missing, {len(foreign)} foreign")
    return 1 if missing or foreign else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
