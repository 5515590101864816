"""``flex_doctor`` on the whole of a running installation, and on one that is not there."""

import json
import subprocess
import sys
from typing import Any

from tests import processes
from tests.acceptance import secrecy
from tests.processes import Stack, wait_for

NOBODY = {
    "CELERY_BROKER_URL": "redis://:hunter2@127.0.0.1:9/0",
    "DATABASE_URL": "postgresql://crm:hunter2@127.0.0.1:9/crm",
}


def doctor(stack: Stack, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "manage.py", "flex_doctor", *arguments]
    env = stack.environment | environment
    return subprocess.run(
        command, env=env, cwd=processes.ROOT, capture_output=True, text=True, check=False, timeout=processes.UP_SECONDS
    )


def levels(done: "subprocess.CompletedProcess[str]") -> dict[str, str]:
    told: list[dict[str, Any]] = json.loads(done.stdout)["results"]
    return {result["part"]: result["level"] for result in told if result["part"] != "settings"}


def test_a_running_installation_is_well(stack: Stack) -> None:
    wait_for(lambda: stack.query("SELECT name FROM flex_outbound_heartbeat"), "the first sweep")
    done = doctor(stack, "--json")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert json.loads(done.stdout)["ok"] is True
    found = levels(done)
    assert {found.pop(f"callbacks_{source}") for source in ("taskrouter", "conversations", "interactions")} <= {
        "ok",
        "warning",  # other tests register and take away as they please
    }
    found.pop("templates", None)
    assert found.pop("alerts") == "warning"  # nobody is in ADMINS here
    wanted = (
        "database",
        "migrations",
        "clock",
        "broker",
        "workers",
        "sweep",
        "waiting",
        "rate_limits",
        "cache",
        "contact_index",
    )
    at_twilio = (
        "credentials",
        "workspace",
        "rights",
        "workflow",
        "queues",
        "flex_workers",
        "senders",
        "conversations",
        "callback_address",
    )
    assert found == dict.fromkeys([*wanted, *at_twilio], "ok")
    assert secrecy.leaks([done.stdout], secrecy.secrets_of(stack)) == []


def test_dead_parts_are_red_lines_each_with_its_remedy(stack: Stack) -> None:
    done = doctor(stack, **NOBODY)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    red = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("ERROR")]
    assert set(red) == {"database", "broker", "rate_limits"}
    assert done.stdout.count("→") >= len(red)


def test_twilio_that_does_not_answer_is_a_red_line(stack: Stack) -> None:
    done = doctor(stack, "--json", FLEX_API_BASE_URL="http://127.0.0.1:9")
    assert done.returncode == 1
    assert {part for part, level in levels(done).items() if level == "error"} == {"credentials"}
    assert levels(done)["database"] == "ok"
