"""Host projects as real processes: installed from the wheel, with a web server, a Celery worker, and beat within it."""

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
import pytest

from crm_demo.database import postgresql, sqlite
from crm_demo.launcher.part import Part
from crm_demo.launcher.parts import answers, parts_of, says
from crm_demo.launcher.plan import HOST, Plan
from flex_outbound.sandbox import defaults
from tests import services
from tests.acceptance.flex import Flex
from tests.hosts.building import environment, run
from tests.hosts.proxy import PrefixProxy
from tests.ports import reserve_port
from tests.processes import END_SECONDS, ROOT, UP_SECONDS, wait_for

PROJECTS = {"pages": "shop", "adminhost": "sales", "apihost": "backend", "legacy": "partners"}
APPS = {"pages": "customers", "adminhost": "leads", "apihost": "directory", "legacy": "oldcrm"}

WHERE = """
import json, sys, flex_outbound
print(json.dumps({"file": flex_outbound.__file__, "path": sys.path}))
"""
PREPARE = """
import importlib, json, os, sys
import django
django.setup()
from django.core.management import call_command
call_command("check", fail_level="WARNING")
call_command("migrate", verbosity=0, interactive=False)
from flex_outbound.models import Account, Sender, Worker
from flex_outbound.sandbox import defaults
agent, contacts = importlib.import_module(sys.argv[1] + ".sample").fill()
account = Account.objects.create(
    name="Sandbox", account_sid=defaults.ACCOUNT_SID, api_key_sid=defaults.API_KEY_SID,
    api_key_secret=defaults.API_KEY_SECRET, auth_token=defaults.AUTH_TOKEN,
    workspace_sid=defaults.WORKSPACE_SID, workflow_sid=defaults.WORKFLOW_SID,
)
for sender in defaults.SENDERS:
    Sender.objects.create(
        account=account, channel=sender.channel, address=sender.address.removeprefix("whatsapp:"),
        display_name=sender.name, queue_sid=defaults.QUEUES["Outbound"], is_default=sender.name != "London office",
    )
Worker.objects.create(account=account, user=agent, worker_sid=defaults.WORKERS["agent"], friendly_name="agent")
print(json.dumps({"account": account.pk, "contacts": {key: str(pk) for key, pk in contacts.items()}}))
"""


@dataclass
class Services:
    """What the hosts share: the broker, and the sandbox in Twilio's place."""

    broker_port: int
    sandbox_url: str
    flex: Flex
    parts: list[Part]

    @classmethod
    def start(cls) -> "Services":
        """Start both."""
        services.require_valkey()
        folder = Path(tempfile.mkdtemp(prefix="flex-hosts-"))
        plan = Plan(reserve_port(), reserve_port(), reserve_port(), 0, folder, "", "")
        plan.logs.mkdir()
        parts = parts_of(plan)[:2]
        for part in parts:
            part.start(clean_environment(), ROOT)
        return cls(plan.broker_port, plan.sandbox_url, Flex(plan.sandbox_url), parts)

    def close(self) -> None:
        """End both."""
        end(self.parts)
        shutil.rmtree(self.parts[0].log.parent.parent, ignore_errors=True)


def clean_environment() -> dict[str, str]:
    """Return our environment without what would lead a project elsewhere, above all to the checkout."""
    foreign = ("TWILIO_", "FLEX_", "CELERY_", "CRM_", "PUBLIC_", "DATABASE", "DJANGO_", "PYTEST_", "PYTHON", "COV_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return kept | {"PYTHONUNBUFFERED": "1"}


def end(parts: list[Part]) -> None:
    """End processes with everything that they started."""
    for part in parts:
        part.signal(signal.SIGTERM)
    until = time.monotonic() + END_SECONDS
    for part in parts:
        part.wait(until)
        part.signal(signal.SIGKILL)
        part.wait(time.monotonic() + END_SECONDS)


class Host:
    """One of the projects in this folder, installed and running: ``with Host("pages", shared) as host: ...``."""

    def __init__(self, kind: str, shared: Services) -> None:
        self.kind, self.shared = kind, shared
        self.folder = Path(tempfile.mkdtemp(prefix=f"flex-host-{kind}-"))
        self.project = self.folder / "project"
        self.port = reserve_port()
        self.parts: list[Part] = []
        self.contacts: dict[str, str] = {}
        self.account = 0
        self._resources = contextlib.ExitStack()
        self._urls: dict[str, str] = {}
        self.origin = f"http://{HOST}:{self.port}"
        self.prefix = ""

    @property
    def url(self) -> str:
        """The address of the project's root as its users see it, without a slash at the end."""
        return self.origin + self.prefix

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every process of the project."""
        given = {
            "DJANGO_SETTINGS_MODULE": f"{PROJECTS[self.kind]}.settings",
            "SECRET_KEY": "only-for-tests-" + "x" * 40,
            "DATABASES": json.dumps(self._databases),
            "CELERY_BROKER_URL": f"redis://{HOST}:{self.shared.broker_port}/{list(PROJECTS).index(self.kind)}",
            "FLEX_API_BASE_URL": self.shared.sandbox_url,
            "PUBLIC_URL": self.url,
        }
        return clean_environment() | given

    def __enter__(self) -> Self:
        try:
            return self._start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> Self:
        shutil.copytree(ROOT / "tests" / "hosts" / self.kind, self.project)
        self.python = environment(self.folder / "env")
        self._databases = self._make_databases()
        if self.kind == "legacy":
            self.prefix = "/crm"
            proxy = PrefixProxy(self.prefix, self.port)
            self._resources.callback(proxy.close)
            self.origin = proxy.origin
        web = self._part("web", "gunicorn", "--bind", f"{HOST}:{self.port}", "--threads", 4, self._module("wsgi"))
        worker = self._part("worker", "celery", "--app", PROJECTS[self.kind], "worker", "--beat", *WORKER)
        self.parts = [web, worker]
        self._begin(web)
        told = json.loads(self.run("-c", PREPARE, APPS[self.kind]).splitlines()[-1])
        self.account, self.contacts = told["account"], told["contacts"]
        self._begin(worker)
        self.register_callbacks()
        for part in [*self.shared.parts, *self.parts]:
            wait_for(lambda part=part: part.is_up or part.exit_status is not None, f"the {part.name}", UP_SECONDS)
            if part.exit_status is not None:
                pytest.fail(f"The {part.name} of {self.kind} ended:\n{part.tail()}")
        return self

    def _make_databases(self) -> dict[str, Any]:
        names = ["default", "oldcrm"] if self.kind == "legacy" else ["default"]
        if os.environ.get("TEST_DATABASE_URL"):
            self._urls = {name: self._resources.enter_context(services.fresh_postgresql()) for name in names}
            return {name: postgresql(url) for name, url in self._urls.items()}
        return {name: sqlite(self.folder / f"{name}.sqlite3") for name in names}

    def _module(self, name: str) -> str:
        return f"{PROJECTS[self.kind]}.{name}"

    def _part(self, name: str, *command: object) -> Part:
        is_up = says(" ready.") if name == "worker" else answers(self.port, "/")
        arguments = [str(self.python), "-m", *map(str, command)]
        return Part(name, arguments, self.folder / f"{name}.log", is_up)

    def _begin(self, part: Part) -> None:
        part.start(self.environment, self.project)

    def run(self, *arguments: str) -> str:
        """Run the project's Python in the project's folder and return what it printed."""
        return run(self.python, *arguments, env=self.environment, cwd=self.project)

    def where(self) -> dict[str, Any]:
        """Return the file that ``flex_outbound`` is imported from, and where Python looks for modules."""
        found: dict[str, Any] = json.loads(self.run("-c", WHERE))
        return found

    def register_callbacks(self) -> None:
        """Tell the sandbox where this project takes its callbacks, as docs/webhooks.md says."""
        wait_for(lambda: self.shared.parts[1].is_up, "the sandbox", UP_SECONDS)
        self.shared.flex.post("reset", {})
        base = f"{self.url}/flex/webhooks/{self.account}"
        auth = (defaults.API_KEY_SID, defaults.API_KEY_SECRET)
        told: dict[str, dict[str, Any]] = {
            f"taskrouter/v1/Workspaces/{defaults.WORKSPACE_SID}": {"EventCallbackUrl": f"{base}/taskrouter/"},
            "conversations/v1/Configuration/Webhooks": {
                "PostWebhookUrl": f"{base}/conversations/",
                "Method": "POST",
                "Filters": "onParticipantAdded",
            },
            f"flex-api/v1/Instances/{defaults.FLEX_INSTANCE_SID}/InteractionWebhooks": {
                "WebhookUrl": f"{base}/interactions/",
                "WebhookMethod": "POST",
                "Type": "global",
                "FriendlyName": self.kind,
                "WebhookEvents": ["onChannelStatusUpdated", "onParticipantJoined"],
            },
        }
        for path, fields in told.items():
            answer = self.shared.flex.http.post(f"{self.shared.sandbox_url}/{path}", fields, auth=auth, timeout=5)
            answer.raise_for_status()

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Return the rows of one SELECT from the database of flex_outbound's tables, with ``%s`` for values."""
        database = self._databases["default"]
        if self._urls:
            with psycopg.connect(self._urls["default"]) as connection:
                return connection.execute(statement, values or None).fetchall()
        with contextlib.closing(sqlite3.connect(database["NAME"], timeout=20)) as connection:
            return connection.execute(statement.replace("%s", "?"), values).fetchall()

    def logs(self) -> str:
        """Return what the processes wrote."""
        found = [f"--- {part.name}\n{part.log.read_text(errors='replace')}" for part in self.parts if part.log.exists()]
        return "\n".join(found)

    def close(self) -> None:
        """End everything."""
        end(self.parts)
        self._resources.close()
        shutil.rmtree(self.folder, ignore_errors=True)


WORKER = (
    *("--pool", "threads", "--concurrency", 4, "--loglevel", "INFO"),
    *("--without-gossip", "--without-mingle", "--without-heartbeat"),
)
