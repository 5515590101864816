"""Metrics of processes that serve no web page: the workers and beat.

``serve(9540)`` in a worker answers from within its process. ``python -m flex_outbound.metrics.exporter`` is a process
of its own, for all processes that share PROMETHEUS_MULTIPROC_DIR on one machine. Neither queries the database or asks
for a token: bind it to an address that only Prometheus reaches. The answers are counts and times, without names,
numbers or SIDs.
"""

import argparse
import os
import signal
import threading
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server

from flex_outbound.metrics.process import FOLDER, ProcessMetrics

HOST = "127.0.0.1"
PORT = 9540


def serve(port: int = PORT, host: str = HOST) -> WSGIServer:
    """Answer every path with the metrics, from a thread that ends with the process. Raises OSError for a taken port."""
    registry = CollectorRegistry()
    registry.register(ProcessMetrics())
    server, _thread = start_http_server(port, host, registry)
    return server


def main() -> int:
    """Serve until SIGTERM or SIGINT comes."""
    parser = argparse.ArgumentParser(prog="flex_outbound.metrics.exporter", description=__doc__)
    parser.add_argument("--host", default=HOST)
    parser.add_argument("--port", type=int, default=PORT)
    arguments = parser.parse_args()
    if not os.environ.get(FOLDER):
        parser.error(f"{FOLDER} must name the folder that the workers write to")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    server = serve(arguments.port, arguments.host)
    ended.wait()
    server.shutdown()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
