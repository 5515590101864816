"""``manage.py flex_sandbox``: runs ``flex_outbound.sandbox``, the local stand-in for Twilio."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from flex_outbound.sandbox.options import add_arguments, from_arguments

try:
    from flex_outbound.sandbox.server import run
except ModuleNotFoundError as error:  # the extra [sandbox] is not installed
    run = None  # type: ignore[assignment]
    missing = error.name


class Command(BaseCommand):
    """Serves Twilio's API and the agent's desk until it is interrupted."""

    help = "Run the Flex sandbox, a local server that speaks Twilio's HTTP API."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the sandbox's options."""
        add_arguments(parser)

    def handle(self, *args: object, **options: Any) -> None:
        """Run the server. Raises CommandError if the extra ``[sandbox]`` is not installed."""
        if run is None:
            raise CommandError(f"{missing} is not installed: run pip install 'django-flex-outbound[sandbox]'.")
        run(
            from_arguments(options),
            options["host"],
            options["port"],
            options["access_log"],
            options["allow_host"],
        )
