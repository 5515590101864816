"""What most tests start from: an account with senders, two agents who may send, and a contact to send to."""

import gc
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import translation
from playwright.sync_api import Browser, sync_playwright

from crm_demo.models import Contact
from flex_outbound.channels import Channel
from flex_outbound.models import Account, Sender, Worker
from flex_outbound.models.setup import forget_setup
from flex_outbound.sandbox import defaults
from tests import services
from tests.scheduling import GroupScheduling

# Playwright's synchronous API keeps an event loop on this thread, which Django takes for asynchronous code.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

ARGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> GroupScheduling | None:
    """Group the tests as ``tests/scheduling.py`` says, unless ``--dist`` asks for another way."""
    return GroupScheduling(config, log) if config.getoption("dist") == "load" else None


def pytest_collection_finish() -> None:
    """Keep what was imported, and stays to the end, out of the garbage collection, and collect rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5000, 10, 10)


def pytest_sessionfinish() -> None:
    """End the servers here: a worker of xdist that only does so at its exit is killed after ten seconds."""
    services.ending.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was skipped, once for each reason: the reason tells how to get what is missing."""
    # A skipped test has (path, line, reason); an expected failure is not among these.
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in terminalreporter.getreports("skipped"))
    if reasons:
        terminalreporter.section("skipped tests", yellow=True)
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"{count} × {reason}", yellow=True)


@pytest.fixture(autouse=True)
def _nothing_kept() -> None:
    """Forget what processes keep for seconds: each test has a database of its own, and the project's language.

    A request leaves its language to the thread that handled it, which is the test's own.
    """
    forget_setup()
    translation.deactivate()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for the whole run: Playwright's synchronous API starts only once in a process."""
    path = services.chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGS)
        yield browser
        browser.close()


@pytest.fixture
def account(db: None) -> Account:
    """The sandbox's account."""
    return Account.objects.create(
        name="Sandbox",
        account_sid=defaults.ACCOUNT_SID,
        api_key_sid=defaults.API_KEY_SID,
        api_key_secret=defaults.API_KEY_SECRET,
        auth_token=defaults.AUTH_TOKEN,
        workspace_sid=defaults.WORKSPACE_SID,
        workflow_sid=defaults.WORKFLOW_SID,
    )


@pytest.fixture
def senders(account: Account) -> dict[Channel, Sender]:
    """One default sender for each channel."""
    addresses = {
        Channel.SMS: defaults.SMS_SENDER,
        Channel.WHATSAPP: defaults.WHATSAPP_SENDER.removeprefix("whatsapp:"),
        Channel.EMAIL: defaults.EMAIL_SENDER,
    }
    return {
        channel: Sender.objects.create(
            account=account,
            channel=channel,
            address=address,
            display_name=f"{channel.label} line",
            queue_sid=defaults.QUEUES["Outbound"],
            is_default=True,
        )
        for channel, address in addresses.items()
    }


def _agent(name: str) -> User:
    user = User.objects.create_user(name, f"{name}@example.com", name, first_name=name.title())
    user.user_permissions.add(
        Permission.objects.get(content_type__app_label="flex_outbound", codename="add_interaction")
    )
    return user


def _worker(account: Account, user: User) -> Worker:
    return Worker.objects.create(
        account=account,
        user=user,
        worker_sid=defaults.WORKERS[user.get_username()],
        friendly_name=user.get_username(),
    )


@pytest.fixture
def agent(account: Account) -> User:
    """May send; a worker only together with the fixture ``worker``."""
    return _agent("agent")


@pytest.fixture
def worker(account: Account, agent: User) -> Worker:
    """The agent's worker."""
    return _worker(account, agent)


@pytest.fixture
def other_agent(account: Account) -> User:
    """May send as well, and has a worker."""
    user = _agent("bea")
    _worker(account, user)
    return user


@pytest.fixture
def contact(db: None) -> Contact:
    """Reachable on every channel."""
    return Contact.objects.create(
        full_name="Ann Example", company="Example", mobile="(415) 555-0123", email="ann@example.com", country="US"
    )


@pytest.fixture
def client_agent(client: Client, agent: User, worker: Worker) -> Client:
    """A browser in which the agent, who is a worker, is signed in."""
    client.force_login(agent)
    return client
