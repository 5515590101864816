"""Twilio's SDK alone: ``raw_sdk SANDBOX_URL N K`` opens N interactions from a pool of K threads and prints the rate."""

import json
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from flex_outbound.sandbox import defaults

TWILIO = "https://flex-api.twilio.com"


class ToSandbox(TwilioHttpClient):  # type: ignore[misc]
    """The SDK's client, turned towards the sandbox and otherwise as it comes."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url

    def request(self, method: str, url: str, *arguments: object, **options: object) -> Response:
        """Send a request for Twilio to the sandbox."""
        return super().request(method, url.replace(TWILIO, f"{self.url}/flex-api"), *arguments, **options)


class Sdk:
    """One client per thread: the fastest way to use the SDK, for its session keeps only ten connections."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._own = threading.local()

    @property
    def client(self) -> Client:
        """The calling thread's client."""
        if not hasattr(self._own, "client"):
            http = ToSandbox(self._url)
            self._own.client = Client(
                defaults.API_KEY_SID, defaults.API_KEY_SECRET, defaults.ACCOUNT_SID, http_client=http
            )
        return self._own.client

    def open(self, index: int) -> str:
        """Open one interaction and return its SID."""
        channel, routing = payload(index)
        return str(self.client.flex_api.v1.interaction.create(channel=channel, routing=routing).sid)


def payload(index: int) -> tuple[dict[str, object], dict[str, object]]:
    """Return what opens an interaction with customer ``index``, as large as ours."""
    address, name = f"+3363998{index:04d}", f"Customer {index:05d}"
    person = {"address": address, "proxy_address": defaults.SMS_SENDER, "type": "sms"}
    attributes = {
        "customerName": name,
        "customerAddress": address,
        "from": defaults.SMS_SENDER,
        "customers": {"name": name, "phone": address},
        "direction": "outbound",
        "flexOutboundKey": f"{index:032x}",
        "flexOutboundAttempt": 1,
    }
    routing = {
        "workspace_sid": defaults.WORKSPACE_SID,
        "workflow_sid": defaults.WORKFLOW_SID,
        "queue_sid": defaults.QUEUES["Outbound"],
        "worker_sid": defaults.WORKERS["agent"],
        "attributes": attributes,
    }
    channel: dict[str, object] = {
        "type": "sms",
        "initiated_by": "agent",
        "properties": {"type": "sms"},
        "participants": [person],
    }
    return channel, {"properties": routing}


def main() -> None:
    """Warm the connections, measure, print."""
    url, count, k = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    sdk = Sdk(url)
    with ThreadPoolExecutor(k) as pool:
        list(pool.map(sdk.open, range(9999 - 2 * k, 9999)))
        start, cpu = time.perf_counter(), time.process_time()
        opened = set(pool.map(sdk.open, range(count)))
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "created": len(opened), "rate": len(opened) / seconds, "cpu": cpu}))


if __name__ == "__main__":
    main()
