"""The sandbox's account, as a manager would enter it. Existing objects are not changed."""

from collections.abc import Mapping
from typing import Final

from django.contrib.auth.models import User

from crm_demo.seeding.replies import SIGNATURE
from flex_outbound.channels import Channel
from flex_outbound.models import Account, Sender, Worker
from flex_outbound.sandbox import defaults


def seed_twilio(users: Mapping[str, User]) -> Account:
    """Create the account, senders and workers that are missing. Return the account."""
    account, _new = Account.objects.get_or_create(
        account_sid=defaults.ACCOUNT_SID,
        defaults={
            "name": "Flex sandbox",
            "api_key_sid": defaults.API_KEY_SID,
            "api_key_secret": defaults.API_KEY_SECRET,
            "auth_token": defaults.AUTH_TOKEN,
            "workspace_sid": defaults.WORKSPACE_SID,
            "workflow_sid": defaults.WORKFLOW_SID,
        },
    )
    _seed_senders(account)
    _seed_workers(account, users)
    return account


WEBSITE: Final = defaults.Sender("chat", "website", "Website chat")
"""Where customers chat. It has no address at Twilio, so the sandbox does not list it."""


def _seed_senders(account: Account) -> None:
    with_default: set[str] = set(account.senders.filter(is_default=True).values_list("channel", flat=True))
    for given in (*defaults.SENDERS, WEBSITE):
        address = given.address.removeprefix("whatsapp:")
        _sender, new = Sender.objects.get_or_create(
            account=account,
            channel=given.channel,
            address=address,
            defaults={
                "display_name": given.name,
                "queue_sid": defaults.QUEUES["Outbound"],
                "is_default": given.channel not in with_default,
                "signature": SIGNATURE if given.channel == Channel.EMAIL else "",
            },
        )
        if new:
            with_default.add(given.channel)


def _seed_workers(account: Account, users: Mapping[str, User]) -> None:
    for name, worker_sid in defaults.WORKERS.items():
        if name in users and name != "manager":
            Worker.objects.get_or_create(
                account=account, user=users[name], defaults={"worker_sid": worker_sid, "friendly_name": name}
            )
