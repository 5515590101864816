"""``python -m tests.faults.project.nursery <socket>``: forks Celery workers from a process that has all imported.

A worker that is killed is back at once, at next to no cost: otherwise starting them again would be most of what two
processors do in a run that kills one every 1.5 seconds.
"""

import json
import os
import socket
import sys
from pathlib import Path
from typing import NoReturn

import django

from crm_demo.launcher.part import die_with


def main() -> NoReturn:
    """Fork a worker for every request, and answer with its process id, for ever."""
    django.setup()
    # Only now: the app reads Django's settings.
    import twilio.rest.conversations.v1
    import twilio.rest.flex_api.v1
    import twilio.rest.taskrouter.v1  # noqa: F401

    from crm_demo.celery import app

    app.loader.import_default_modules()
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(sys.argv[1])
        door.listen()
        while True:
            caller, _address = door.accept()
            with caller:
                wanted = json.loads(caller.makefile().readline())
                _bury(wanted["former"])
                caller.sendall(f"{_fork(wanted['words'], Path(wanted['log']), door)}\n".encode())


def _fork(words: list[str], log: Path, door: socket.socket) -> int:
    nursery = os.getpid()
    child = os.fork()
    if child:
        return child
    try:
        os.setsid()
        die_with(nursery)
        door.close()
        with log.open("wb") as output:
            for number in (1, 2):
                os.dup2(output.fileno(), number)
        from crm_demo.celery import app

        app.worker_main(words)
    finally:
        # Never back into the loop above.
        os._exit(1)


def _bury(former: int) -> None:
    """Give a dead worker's process id back, only now: until then nobody else can have it, and be killed for it."""
    if former:
        os.waitpid(former, 0)


if __name__ == "__main__":
    main()
