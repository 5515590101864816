"""The wheel, as ``pip`` builds it, and environments of their own that have it and nothing of the checkout."""

import atexit
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from functools import cache
from pathlib import Path

import pytest
import setuptools

from tests import services
from tests.processes import ROOT

SOURCES = ("flex_outbound", "pyproject.toml", "README.md", "LICENSE")
SECONDS = 120.0


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
    folder = Path(tempfile.mkdtemp(prefix="flex-wheel-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    tree = folder / "tree"
    tree.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree)
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation")
    run(*pip, "--wheel-dir", folder, tree)
    (found,) = folder.glob("*.whl")
    return found


def environment(folder: Path) -> Path:
    """Make a virtual environment with the wheel in ``folder`` and return its Python.

    What the wheel depends on is shared with the tests: a path in a .pth file is searched, and the .pth files in there,
    such as that of the checkout, are not read.
    """
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    shared = sysconfig.get_path("purelib")
    own = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (own / "shared.pth").write_text(f"{shared}\n")
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index")
    run(*pip, "--ignore-installed", wheel())
    return python
