"""The examples are real: their files can be read, and their commands exist with every option they use.

Nothing here needs systemd or Docker; where ``systemd-analyze`` is at hand, it reads the units as well.
"""

import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SYSTEMD, COMPOSE, PROMETHEUS = (ROOT / "examples" / name for name in ("systemd", "compose", "prometheus"))
BIN = Path(sys.executable).parent
UNITS = sorted(SYSTEMD.glob("*.service"))
STACK: dict[str, Any] = yaml.safe_load((COMPOSE / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = STACK["services"]
OURS = sorted(name for name, service in SERVICES.items() if "build" in service)
SECONDS = 60

HARDENED = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "CapabilityBoundingSet": "",
    "SystemCallFilter": "@system-service",
}
# https://github.com/compose-spec/compose-spec/blob/main/05-services.md
SERVICE_KEYS = {
    *("image", "build", "restart", "init", "read_only", "tmpfs", "cap_drop", "security_opt", "environment", "command"),
    *("depends_on", "healthcheck", "ports", "deploy", "stop_grace_period", "profiles", "volumes", "secrets"),
}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}


def _unit(path: Path) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(path.read_text())
    return {section: dict(parser[section]) for section in parser.sections()}


def _env_example() -> dict[str, str]:
    lines = (COMPOSE / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def _expanded(text: str, values: dict[str, str]) -> str:
    """Put values in the place of ``${NAME}``, ``${NAME:-default}``, ``${NAME-default}`` and ``${NAME:?words}``."""
    return re.sub(r"\$\{(\w+)(?::?-([^}]*)|:\?[^}]*)?\}", lambda found: values.get(found[1]) or found[2] or "", text)


def _checked(command: list[str]) -> list[str]:
    """Return a command that reads every option of ``command`` and does none of its work."""
    if command[0] == "gunicorn":
        return [*command[:-1], "--check-config", command[-1]]
    return [*command, "--help"]


def _run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "crm_site.settings",
        "PYTHONPATH": f"{COMPOSE}{os.pathsep}{ROOT}",
        "CRM_VAR_DIR": "/nonexistent",
        "CELERY_BROKER_URL": "memory://",
    }
    found = [str(BIN / command[0]), *command[1:]]
    return subprocess.run(found, env=env, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS, check=False)


def _of_unit(path: Path) -> list[str]:
    """Return what a unit starts, for the project at hand in place of ``mycrm``."""
    line = _unit(path)["Service"]["ExecStart"].replace("%i", "1").replace("%%", "%")
    words = shlex.split(line)
    assert words[0].startswith("/srv/mycrm/.venv/bin/")
    renamed = [word.replace("mycrm.wsgi", "crm_demo.wsgi") if word != "mycrm" else "crm_demo" for word in words[1:]]
    return [words[0].rpartition("/")[2], *renamed]


def _of_service(name: str) -> list[str]:
    return [_expanded(word, _env_example()) for word in SERVICES[name]["command"]]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_every_command_of_a_unit_is_real(unit: Path) -> None:
    done = _run(_checked(_of_unit(unit)))
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("name", OURS)
def test_every_command_of_the_composition_is_real(name: str) -> None:
    done = _run(_checked(_of_service(name)))
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("command", [_of_service("worker"), _of_service("web")], ids=["celery", "gunicorn"])
def test_an_option_that_does_not_exist_would_be_noticed(command: list[str]) -> None:
    where = next(i for i, word in enumerate(command) if word in {"--concurrency", "--threads"})
    done = _run(_checked([*command[:where], "--no-such-option", *command[where:]]))
    assert done.returncode != 0


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_every_unit_is_hardened_and_ends_in_time(unit: Path) -> None:
    service = _unit(unit)["Service"]
    assert {key: service.get(key) for key in HARDENED} == HARDENED
    assert service["User"] == "mycrm"
    if "celery" in service["ExecStart"]:
        assert service["KillMode"] == "mixed"


def test_a_worker_has_more_time_to_end_than_a_lease_lasts() -> None:
    assert int(_unit(SYSTEMD / "mycrm-worker@.service")["Service"]["TimeoutStopSec"]) > 45
    assert SERVICES["worker"]["stop_grace_period"] == "75s"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")
def test_systemd_understands_the_units(tmp_path: Path) -> None:
    for path in SYSTEMD.glob("mycrm*"):
        if path.suffix in {".service", ".timer", ".target"}:
            text = path.read_text().replace("/srv/mycrm/.venv/bin/", f"{BIN}/").replace("User=mycrm", "User=daemon")
            (tmp_path / path.name.replace("@.", "@1.")).write_text(text.replace("Group=mycrm\n", ""))
    units = sorted(map(str, tmp_path.iterdir()))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    complaints = [line for line in done.stderr.splitlines() if "mycrm" in line]
    assert complaints == []


def test_the_readme_names_every_file() -> None:
    text = (SYSTEMD / "README.md").read_text()
    assert [path.name for path in SYSTEMD.iterdir() if f"`{path.name}`" not in text and path.name != "README.md"] == []


def test_every_variable_of_the_composition_is_in_the_example() -> None:
    wanted = set(re.findall(r"\$\{(\w+)", (COMPOSE / "compose.yaml").read_text()))
    assert wanted <= set(_env_example())


def test_the_example_gives_no_secret_away() -> None:
    values = _env_example()
    secrets = [name for name in values if re.search("SECRET|SALT|PASSWORD|TOKEN", name)]
    assert {values[name] for name in secrets} == {""}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_says_only_what_compose_knows(name: str) -> None:
    service = SERVICES[name]
    assert set(service) <= SERVICE_KEYS
    assert service["image"]
    for other, how in service.get("depends_on", {}).items():
        assert other in SERVICES
        assert how["condition"] in CONDITIONS
        assert how["condition"] != "service_healthy" or "healthcheck" in SERVICES[other]
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        assert source in STACK["volumes"] or (COMPOSE / source).exists()
    assert set(service.get("secrets", [])) <= set(STACK["secrets"])


def test_there_is_one_beat_and_several_workers() -> None:
    assert "deploy" not in SERVICES["beat"]
    assert int(_expanded(SERVICES["worker"]["deploy"]["replicas"], _env_example())) > 1


def test_no_port_is_open_to_the_world() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_the_image_copies_what_is_there_and_not_ignored() -> None:
    text = (COMPOSE / "Dockerfile").read_text()
    copied = {word for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.M) for word in line.split()[:-1]}
    let_in = set(re.findall(r"^!(.+)$", (COMPOSE / "Dockerfile.dockerignore").read_text(), re.M))
    assert copied == let_in
    assert [name for name in copied if not (ROOT / name).exists()] == []
    build = STACK["x-app"]["build"]
    assert (COMPOSE / build["context"]).resolve() == ROOT
    assert ROOT / build["dockerfile"] == COMPOSE / "Dockerfile"


def test_the_settings_of_the_composition_pass_the_checks() -> None:
    env = {name: _expanded(str(value), _env_example()) for name, value in SERVICES["beat"]["environment"].items()}
    secrets = {"CRM_SECRET_KEY": "x" * 60, "CRM_SALT_KEY": "y" * 60, "PYTHONPATH": f"{COMPOSE}{os.pathsep}{ROOT}"}
    # Of the browser tests, and an error in a deployment.
    given = {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy"],
        env={**given, **env, **secrets, "DJANGO_SETTINGS_MODULE": "crm_site.settings"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    # But W011: without an account of Twilio's, it is the sandbox that is tried.
    assert re.findall(r"flex_outbound\.[EW]\d+", done.stderr) == ["flex_outbound.W011"]


def _rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_every_alert_asks_for_metrics_that_exist() -> None:
    known = set(re.findall(r"^\| `(flex_outbound_\w+)`", (ROOT / "docs/metrics.md").read_text(), re.M))
    for rule in _rules():
        asked = set(re.findall(r"\bflex_outbound_\w+", rule["expr"]))
        assert asked
        assert {name.removesuffix("_bucket") for name in asked} <= known
        assert {"summary", "description"} <= set(rule["annotations"])
        assert rule["labels"]["severity"] in {"critical", "warning"}


def test_every_alert_is_explained() -> None:
    explained = re.findall(r"^\| `(FlexOutbound\w+)`", (ROOT / "docs/deployment.md").read_text(), re.M)
    assert sorted(explained) == sorted(rule["alert"] for rule in _rules())


def test_prometheus_asks_where_somebody_answers() -> None:
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    web, workers = config["scrape_configs"]
    assert config["rule_files"] == ["alerts.yml"]
    assert web["static_configs"][0]["targets"] == ["web:8000"]
    assert str(workers["dns_sd_configs"][0]["port"]) == SERVICES["worker"]["environment"]["METRICS_PORT"]
    assert 'path("flex/metrics/"' in (COMPOSE / "crm_site/urls.py").read_text()
    assert web["metrics_path"] == "/flex/metrics/"
