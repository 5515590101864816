"""``python -m flex_outbound.sandbox``: the sandbox without a Django project around it."""

from __future__ import annotations

import argparse

from flex_outbound.sandbox.options import add_arguments, from_arguments
from flex_outbound.sandbox.server import run


def main() -> None:
    """Parse the command line and serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m flex_outbound.sandbox", description=__doc__)
    add_arguments(parser)
    arguments = parser.parse_args()
    run(
        from_arguments(vars(arguments)),
        arguments.host,
        arguments.port,
        arguments.access_log,
        arguments.allow_host,
    )


if __name__ == "__main__":
    main()
