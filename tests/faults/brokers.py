"""The broker of a run: Valkey, or RabbitMQ with ``BROKER=rabbitmq``. Stopped, either forgets everything in it."""

import os
import shutil
import socket
from pathlib import Path

from crm_demo.launcher.guard import free_port
from crm_demo.launcher.part import Part
from tests import services

HOW = "Debian: apt-get install rabbitmq-server"


def wanted() -> str:
    """Return the name of the broker that the environment asks for."""
    return os.environ.get("BROKER", "valkey")


def require_rabbitmq() -> str:
    """Return the program; skip the test where there is none."""
    # Debian's wrapper in sbin changes to the user of the system's own node; the program behind it does not.
    found = shutil.which("/usr/lib/rabbitmq/bin/rabbitmq-server") or shutil.which("rabbitmq-server")
    services.require(found, "RabbitMQ", HOW)
    return str(found)


def require_wanted() -> None:
    """Ask for the broker of this run."""
    if wanted() == "rabbitmq":
        require_rabbitmq()
    else:
        services.require_valkey()


class RabbitMQ:
    """A RabbitMQ node of its own, in a folder that is thrown away."""

    def __init__(self, folder: Path) -> None:
        program = require_rabbitmq()
        self.port, self._distribution, self._names = free_port(), free_port(), free_port()
        self.folder = folder
        self.folder.mkdir()
        command = ["/usr/bin/env", *self._variables(), program]
        self.part = Part("broker", command, folder / "broker.log", lambda part: self.greets())

    @property
    def url(self) -> str:
        """What Celery calls it."""
        return f"amqp://guest:guest@{services.HOST}:{self.port}//"

    def greets(self) -> bool:
        """Tell whether it speaks AMQP: whoever says it wrongly is answered with the right way."""
        try:
            with socket.create_connection((services.HOST, self.port), 1) as connection:
                connection.settimeout(1)
                connection.sendall(b"AMQP\x09\x09\x09\x09")
                return connection.recv(4) == b"AMQP"
        except OSError:
            return False

    def forget(self) -> None:
        """Throw away what it keeps on disk; only while it is stopped."""
        shutil.rmtree(self.folder / "mnesia", ignore_errors=True)

    def _variables(self) -> list[str]:
        plugins = self.folder / "plugins"
        plugins.write_text("[].\n")
        values = {
            "HOME": self.folder,
            "RABBITMQ_NODENAME": f"faults{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": services.HOST,
            "RABBITMQ_NODE_PORT": self.port,
            "RABBITMQ_DIST_PORT": self._distribution,
            "ERL_EPMD_PORT": self._names,
            "ERL_EPMD_ADDRESS": services.HOST,
            "RABBITMQ_MNESIA_BASE": self.folder / "mnesia",
            "RABBITMQ_LOG_BASE": self.folder,
            "RABBITMQ_ENABLED_PLUGINS_FILE": plugins,
            "RABBITMQ_CONFIG_FILE": self.folder / "rabbitmq",
            "RABBITMQ_PID_FILE": self.folder / "pid",
        }
        return [f"{name}={value}" for name, value in values.items()]
