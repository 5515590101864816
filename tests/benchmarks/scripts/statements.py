"""The hot path's statements over a prepared database: ``statements CONTACT…`` prints them by step."""

import json
import sys

import tests.benchmarks.scripts._setup  # noqa: F401  # isort: skip

from django.contrib.auth.models import User
from django.test import Client

from flex_outbound.models import Account
from tests.benchmarks.statements import HotPath


def main() -> None:
    """Count and print."""
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(User.objects.get(username="agent"))
    print(json.dumps(HotPath(client, Account.objects.get(), list(map(int, sys.argv[1:]))).measure()))


if __name__ == "__main__":
    main()
