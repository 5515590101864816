"""``manage.py demo``: the whole demo with one command."""

import os
import sys
from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from crm_demo.launcher import callbacks
from crm_demo.launcher.banner import banner
from crm_demo.launcher.guard import InTheWayError, free_port, only_one, require_free
from crm_demo.launcher.part import die_with
from crm_demo.launcher.parts import parts_of
from crm_demo.launcher.plan import Plan
from crm_demo.launcher.supervisor import PartFailedError, Supervisor


class Command(BaseCommand):
    """Prepares the database, then runs broker, sandbox, worker and web server until a signal comes."""

    help = "Run the demo: CRM, Flex sandbox, Celery worker and an embedded broker."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add ports and latency. Their defaults come from the environment, for ``make demo``."""
        env = os.environ.get
        parser.add_argument("--port", type=int, default=int(env("DEMO_PORT", "8000")), help="the CRM's port")
        parser.add_argument(
            "--sandbox-port", type=int, default=int(env("SANDBOX_PORT", "8765")), help="the sandbox's port"
        )
        parser.add_argument(
            "--latency-ms", type=int, default=int(env("SANDBOX_LATENCY_MS", "0")), help="delay of the sandbox"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until a signal comes. Exit with 1 where the demo could not start or a part of it ended."""
        if "MAKELEVEL" in os.environ:
            # The demo must end with make, also where make is killed.
            die_with(os.getppid())
        try:
            require_free({"DEMO_PORT": options["port"], "SANDBOX_PORT": options["sandbox_port"]})
            with only_one(settings.VAR_DIR / "demo.lock"):
                self._run(_plan(options))
        except (InTheWayError, PartFailedError) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            raise SystemExit(130) from None

    def _run(self, plan: Plan) -> None:
        plan.logs.mkdir(parents=True, exist_ok=True)
        self._say("Preparing the database …")
        call_command("migrate", verbosity=0, interactive=False)
        call_command("seed", verbosity=0)
        # The parts open their own connections. One that stays open here would keep SQLite's log from being merged.
        connections.close_all()
        self._say("Starting broker, sandbox, worker and web server …")
        environment = plan.environment()
        supervisor = Supervisor(parts_of(plan), environment, Path(settings.BASE_DIR))
        supervisor.run(lambda: self._welcome(plan, environment["PUBLIC_BASE_URL"]))
        self._say("The demo has ended.")

    def _welcome(self, plan: Plan, public_url: str) -> None:
        registered = callbacks.register(plan, public_url)
        connections.close_all()
        encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower()
        self._say(banner(plan, callbacks=registered, plain=not encoding.startswith("utf")))

    def _say(self, text: str) -> None:
        # The terminal may be closed. The parts must be ended all the same.
        with suppress(OSError):
            self.stdout.write(text)
            self.stdout.flush()


def _plan(options: dict[str, Any]) -> Plan:
    return Plan(
        web_port=options["port"],
        sandbox_port=options["sandbox_port"],
        broker_port=free_port(),
        latency_ms=options["latency_ms"],
        var=Path(settings.VAR_DIR),
        secret_key=settings.SECRET_KEY,
        salt_key=settings.SALT_KEY,
    )
