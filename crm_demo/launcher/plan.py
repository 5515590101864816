"""The ports and folders of one demo, and the environment of its parts."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Plan:
    """Ports are TCP ports on HOST. ``latency_ms``: delay of the sandbox's answers. ``var``: folder for all files."""

    web_port: int
    sandbox_port: int
    broker_port: int
    latency_ms: int
    var: Path
    secret_key: str
    salt_key: str

    @property
    def web_url(self) -> str:
        """The CRM's address on this machine."""
        return f"http://{HOST}:{self.web_port}"

    @property
    def sandbox_url(self) -> str:
        """The sandbox's address, which is also that of the agents' desk."""
        return f"http://{HOST}:{self.sandbox_port}"

    @property
    def logs(self) -> Path:
        """The folder of the log files."""
        return self.var / "log"

    def environment(self, given: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Return the environment of the parts: ``given``, with the demo's own addresses on top."""
        return {
            # The only address that the environment may override, for callbacks through a tunnel.
            "PUBLIC_BASE_URL": self.web_url,
            **given,
            "CELERY_BROKER_URL": f"redis://{HOST}:{self.broker_port}/0",
            "CRM_DEBUG": "0",
            "CRM_SALT_KEY": self.salt_key,
            "CRM_SECRET_KEY": self.secret_key,
            "DJANGO_SETTINGS_MODULE": "crm_demo.settings",
            "FLEX_API_BASE_URL": self.sandbox_url,
            "PYTHONUNBUFFERED": "1",
        }
