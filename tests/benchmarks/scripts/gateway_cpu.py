"""CPU of one call: ``gateway_cpu SANDBOX_URL N ROUNDS [K]`` opens N interactions with the SDK alone and by the gateway.

Prints how many milliseconds of CPU one call costs this process: the least of all rounds, since other programs only add.
With K, a pool of K threads opens them; the threads share one gateway, and each has an SDK client of its own.
"""

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.request import Request, urlopen

import django
from django.conf import settings

from flex_outbound.channels import Channel
from flex_outbound.gateway.base import Connection, InteractionRequest
from flex_outbound.gateway.client import connect
from flex_outbound.sandbox import defaults
from tests.benchmarks.scripts.raw_sdk import Sdk


def through_gateway(url: str) -> Callable[[int], object]:
    """Return a function that opens interaction ``index``; all its callers share one gateway."""
    connection = Connection(
        account_sid=defaults.ACCOUNT_SID,
        username=defaults.API_KEY_SID,
        password=defaults.API_KEY_SECRET,
        workspace_sid=defaults.WORKSPACE_SID,
        base_url=url,
        timeout=(3.05, 10.0),
    )

    gateway = connect(connection)
    return lambda index: gateway.create_interaction(request(index))


def request(index: int) -> InteractionRequest:
    """Return the request for customer ``index``."""
    return InteractionRequest(
        key=f"{index:032x}",
        attempt=1,
        channel=Channel.SMS,
        address=f"+3363998{index:04d}",
        sender_address=defaults.SMS_SENDER,
        sender_name="Acme",
        customer_name=f"Customer {index:05d}",
        worker_sid=defaults.WORKERS["agent"],
        queue_sid=defaults.QUEUES["Outbound"],
        workspace_sid=defaults.WORKSPACE_SID,
        workflow_sid=defaults.WORKFLOW_SID,
    )


def cpu_of(open_one: Callable[[int], object], first: int, count: int, pool: ThreadPoolExecutor | None) -> float:
    """Return the milliseconds of CPU of one call, on average over ``count``."""
    start = time.process_time()
    opened = pool.map if pool else map
    for _ in opened(open_one, range(first, first + count)):
        pass
    return (time.process_time() - start) / count * 1000


def main() -> None:
    """Warm the connections, measure both by turns, print."""
    url, count, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    pool = ThreadPoolExecutor(int(sys.argv[4])) if len(sys.argv) > 4 else None
    settings.configure(USE_TZ=True)
    django.setup()
    urlopen(Request(f"{url}/_sandbox/reset", method="POST")).close()
    ways = {"raw_sdk": Sdk(url).open, "gateway": through_gateway(url)}
    found: dict[str, list[float]] = {name: [] for name in ways}
    first = 0
    for turn in range(rounds + 1):
        for name, open_one in ways.items():
            cpu = cpu_of(open_one, first, count if turn else 100, pool)
            first += count
            if turn:
                found[name].append(cpu)
    print(json.dumps({name: round(min(values), 3) for name, values in found.items()}))


if __name__ == "__main__":
    main()
