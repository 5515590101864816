"""Ports for the servers that the tests start, several at once."""

import socket
import sys

from crm_demo.launcher.plan import HOST

_held: list[socket.socket] = []


def reserve_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody else is given until this process ends.

    Linux gives a bound port neither to a program that asks for any free one nor to an outgoing connection. A server
    that is told the number can still listen there, because servers set SO_REUSEADDR and this socket never listens.
    Other systems do not let them share, so there the port is only free at this moment.
    """
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    held.bind((HOST, 0))
    port: int = held.getsockname()[1]
    if sys.platform.startswith("linux"):
        # Only now: a socket that has it while it is bound may itself be given a port that another one holds.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _held.append(held)
    else:
        held.close()
    return port
