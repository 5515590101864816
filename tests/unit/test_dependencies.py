"""What the package demands of others, and the versions that its own tests run with."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NO_BOUND = {"phonenumbers", "cryptography"}
"""Their majors follow the calendar and new data; older ones are unsafe or wrong."""


def constraints() -> dict[str, str]:
    lines = (line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#"))
    return {canonicalize_name(name): version for name, _equal, version in (line.partition("==") for line in lines)}


def test_what_a_host_installs_is_bounded_where_it_may_break() -> None:
    needed = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["sandbox"]]
    needed += PROJECT["optional-dependencies"]["metrics"]
    unbounded = {one.name for one in map(Requirement, needed) if not re.search(r"<\d", str(one.specifier))}

    assert unbounded == NO_BOUND


def test_every_package_that_is_named_has_one_version_that_is_allowed() -> None:
    pinned = constraints()
    named = [*PROJECT["dependencies"], *(one for more in PROJECT["optional-dependencies"].values() for one in more)]
    for one in map(Requirement, named):
        name = canonicalize_name(one.name)
        if name not in {"django-flex-outbound", "setuptools"}:
            assert one.specifier.contains(pinned[name]), one


def test_constraints_are_plain_versions() -> None:
    assert all(re.fullmatch(r"[0-9][\w.]*", version) for version in constraints().values())


@pytest.mark.parametrize("path", ["Makefile", "noxfile.py", ".ci/newer-django"])
def test_whatever_installs_takes_the_constraints(path: str) -> None:
    assert "constraints.txt" in (ROOT / path).read_text()


def test_the_tests_need_no_package_of_unknown_version() -> None:
    known = constraints()
    needed = {canonicalize_name(Requirement(one).name) for one in metadata.requires("celery") or () if ";" not in one}
    assert needed <= known.keys()
