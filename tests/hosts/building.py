"""The wheel, as ``pip`` builds it, and environments of their own that have it and nothing of the checkout."""

import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from functools import cache
from pathlib import Path

import pytest
import setuptools

from tests import services
from tests.processes import ROOT

SOURCES = ("flex_outbound", "pyproject.toml", "README.md", "LICENSE")
SECONDS = 120.0
BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


def run(*command: object, **options: object) -> str:
    """Run a command and return what it printed; what it says of its failure fails the test."""
    told: dict[str, object] = {"capture_output": True, "text": True, "check": False, "timeout": SECONDS}
    done = subprocess.run([str(part) for part in command], **(told | options))  # type: ignore[call-overload]
    if done.returncode:
        pytest.fail(f"{' '.join(map(str, command))[:200]} ended with status {done.returncode}:\n{done.stderr[-4000:]}")
    return str(done.stdout)


@cache
def wheel() -> Path:
    """Build the wheel once per run, from a copy, for the build leaves its traces beside the sources."""
    has_backend = int(setuptools.__version__.partition(".")[0]) >= 77
    services.require(has_backend, "setuptools 77 or newer", "pip install 'setuptools>=77' (make test does)")
    folder = _folder()
    tree = folder / "tree"
    tree.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree)
    # As every front end does it: https://peps.python.org/pep-0517/#build-wheel
    run(sys.executable, "-c", BUILD, folder, cwd=tree)
    (found,) = folder.glob("*.whl")
    return found


@cache
def installed() -> Path:
    """Install the wheel once per run, and return the folder with what ``pip`` made of it, compiled."""
    target = _folder() / "installed"
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-warn-script-location")
    run(*pip, "--ignore-installed", "--target", target, wheel())
    return target


def environment(folder: Path) -> Path:
    """Make a virtual environment with the wheel in ``folder`` and return its Python.

    What the wheel depends on is shared with the tests: a path in a .pth file is searched, and the .pth files in there,
    such as that of the checkout, are not read.
    """
    venv.create(folder, symlinks=True)
    own = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
    shutil.copytree(installed(), own, dirs_exist_ok=True)
    (own / "shared.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    return folder / "bin" / "python"


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="flex-wheel-"))
    services.ending.callback(shutil.rmtree, folder, ignore_errors=True)
    return folder
