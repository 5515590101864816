"""The suite under every Python and Django that is promised: ``nox``; ``nox --list`` names the sessions.

Each session has an environment of its own. A Python that is not on this machine is skipped;
``nox --error-on-missing-interpreters`` takes that for a failure.
"""

from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["tests", "lint", "docs"]

DJANGO_OF_PYTHON = {
    "3.11": ["5.2"],
    "3.12": ["5.2", "6.0", "6.1"],
    "3.13": ["5.2", "6.0", "6.1"],
    "3.14": ["5.2", "6.0", "6.1"],
}
"""What Django itself promises: https://docs.djangoproject.com/en/stable/faq/install/#what-python-version-can-i-use-with-django"""


@nox.session
@nox.parametrize(
    ("python", "django"),
    [(python, django) for python, versions in DJANGO_OF_PYTHON.items() for django in versions],
)
def tests(session: nox.Session, django: str) -> None:
    """Run the tests; arguments after ``--`` go to pytest."""
    # In one step, so that nothing of the project's can ask for another Django.
    session.install("--constraint", _without_django(session), "--editable", ".[test]", f"django~={django}.0")
    session.run("python", "-m", "pytest", "-n", "logical", "--maxprocesses", "4", *session.posargs)


@nox.session
def hosts(session: nox.Session) -> None:
    """Install the wheel into the host projects, and drive them."""
    session.install("--constraint", "constraints.txt", "--editable", ".[test]")
    session.run("python", "-m", "pytest", "tests/hosts", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Do what ``make lint`` does."""
    _make(session, "lint")


@nox.session
def docs(session: nox.Session) -> None:
    """Do what ``make docs`` does."""
    _make(session, "docs")


def _without_django(session: nox.Session) -> str:
    """Return a copy of the constraints that leaves the choice of Django to the session."""
    lines = Path("constraints.txt").read_text().splitlines(keepends=True)
    copy = Path(session.create_tmp()) / "constraints.txt"
    copy.write_text("".join(line for line in lines if not line.lower().startswith("django==")))
    return str(copy)


def _make(session: nox.Session, target: str) -> None:
    session.run("make", target, f"VENV={session.virtualenv.location}", external=True)
