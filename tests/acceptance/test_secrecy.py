"""The broker is told ids and nothing else, and no log knows a customer."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import redis

from tests.acceptance import secrecy
from tests.acceptance.crm import Crm
from tests.acceptance.flex import Flex
from tests.processes import Person, Stack, wait_for


def everything_in_the_broker(port: int) -> list[str]:
    """Return all keys and values as text, the bodies of messages decoded."""
    with redis.Redis(port=port, decode_responses=True, socket_timeout=5) as broker:
        keys = broker.keys("*")
        return [*keys, *(text for key in keys for value in _values(broker, key) for text in _unpacked(value))]


def _values(broker: Any, key: str) -> Iterator[str]:
    kind = broker.type(key)
    if kind == "list":
        yield from broker.lrange(key, 0, -1)
    elif kind == "set":
        yield from broker.smembers(key)
    elif kind == "hash":
        yield from broker.hgetall(key).values()
    elif kind == "zset":
        yield from broker.zrange(key, 0, -1)
    else:
        yield str(broker.get(key))


def _unpacked(value: str) -> Iterator[str]:
    yield value
    try:
        yield base64.b64decode(json.loads(value)["body"]).decode()
    except (ValueError, KeyError, TypeError):
        return


def with_the_job(kept: list[str]) -> list[str]:
    """Return what the broker keeps, once it has a job to send with."""
    return kept if any('"flex_outbound.tasks.dispatch"' in text for text in kept) else []


def test_the_broker_is_told_nothing_but_ids(stack: Stack, agent: Crm, contact: Person) -> None:
    stack.stop(stack.worker)
    try:
        row = agent.clicked(contact, "email", body=secrecy.TEXT, subject=secrecy.TEXT)
        kept = wait_for(lambda: with_the_job(everything_in_the_broker(stack.plan.broker_port)), "the job")
    finally:
        stack.restart(stack.worker)

    assert secrecy.leaks(kept, secrecy.secrets_of(stack) | {"agent@example.com", "Ada Agent"}) == []
    agent.follow(row, lambda now: now["message"]["status"] == "sent", 15.0)


def test_no_log_knows_a_customer(stack: Stack, agent: Crm, contact: Person) -> None:
    # A form that is refused, a page that is searched, a click that fails: what tempts a logger.
    agent.click(contact, "sms", body=secrecy.TEXT, address=contact.email)
    agent.get(f"/?q={contact.email}")
    agent.post("/flex/api/interactions/", {"contact_type": contact.email, "body": secrecy.TEXT})
    agent.follow(agent.clicked(contact, "sms", body=secrecy.TEXT), lambda now: now["message"]["status"] == "sent")

    assert secrecy.leaks([stack.logs()], secrecy.secrets_of(stack)) == []


def test_no_log_knows_what_a_customer_says(stack: Stack, agent: Crm, flex: Flex, contact: Person) -> None:
    row = agent.clicked(contact, "sms", body=secrecy.TEXT)
    row = agent.follow(row, lambda now: now["message"]["status"] == "sent")
    sid = row["conversation_sid"]
    file = {"content_type": "image/png", "filename": "Passport of Ann.png", "data": "iVBORw0KGgo="}
    said = {"conversation_sid": sid, "body": "My number is 90210-7", "subject": "Lost and found", "media": [file]}
    told = flex.post("messages", said)["sid"]

    def look() -> list[tuple[int]]:
        # Somebody looks at the page, so that Twilio is asked: callbacks of another test may have stopped.
        agent.get(f"/flex/timeline/crm_demo.contact/?id={contact.id}")
        return stack.query("SELECT id FROM flex_outbound_message WHERE message_sid = %s", told)

    [[pk]] = wait_for(look, "the answer", 90)
    shown = agent.get(f"/flex/messages/{pk}/text/", headers={"Accept": "application/json"})
    assert shown.json()["body"] == "My number is 90210-7"
    secrets = secrecy.secrets_of(stack)
    assert {"My number is 90210-7", "Lost and found", "Passport of Ann.png"} <= secrets
    assert secrecy.leaks([stack.logs()], secrets) == []
    assert secrecy.leaks(everything_in_the_broker(stack.plan.broker_port), secrets) == []


def test_a_number_is_found_and_a_job_s_seconds_are_not_taken_for_one() -> None:
    assert secrecy.leaks(["to +34500000892"], {"500000892"}) == ["500000892"]
    assert secrecy.leaks(["212.555.0112"], {"212.555.0112"}) == ["212.555.0112"]
    assert secrecy.leaks(["succeeded in 0.0500000892s: None"], {"500000892"}) == []
