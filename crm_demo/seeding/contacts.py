"""Five hundred contacts, the same ones in every demo."""

import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from django.contrib.auth.models import User

from crm_demo.models import Contact
from crm_demo.seeding.names import COMPANIES, FAR_FROM_HOME, NAMES, NOTES, family_names
from crm_demo.seeding.numbers import Numbers
from crm_demo.seeding.oddities import ODDITIES

TOTAL = 500
SHARES = {
    "US": 24, "GB": 14, "DE": 11, "FR": 11, "CA": 6, "AU": 6, "IE": 4, "ES": 6, "BR": 6, "IN": 5, "JP": 4, "SE": 3,
}  # fmt: skip
CHATTERS = range(24, TOTAL, 100)
"""Contacts who have an account on the website, and chat there."""

UNUSABLE = ("ext. 12", "n/a", "12345", "call office", "-", "0")
FIRST_DAY = datetime(2023, 1, 2, 9, 0, tzinfo=UTC)


def seed_contacts(owners: list[User]) -> int:
    """Create the contacts whose reference is missing, and change no other. Return how many were added."""
    known = set(Contact.objects.exclude(reference=None).values_list("reference", flat=True))
    missing = [
        Contact(**values, owner=owners[position % len(owners)])
        for position, values in enumerate(_everyone(Random(2024)))
        if values["reference"] not in known
    ]
    for contact in missing:
        contact.fill_search_text()
    return len(Contact.objects.bulk_create(missing, batch_size=200))


def _everyone(random: Random) -> Iterator[dict[str, Any]]:
    numbers = Numbers(random)
    for index in range(TOTAL):
        odd = index < len(ODDITIES)
        yield {
            **(ODDITIES[index] if odd else _person(index, random, numbers)),
            "reference": f"C-{index + 1:04d}",
            "chat_identity": f"visitor-{index + 1:04d}" if index in CHATTERS else "",
            "created_at": FIRST_DAY + timedelta(hours=random.randrange(3 * 365 * 24)),
        }


def _person(index: int, random: Random, numbers: Numbers) -> dict[str, Any]:
    country = random.choices(list(SHARES), list(SHARES.values()))[0]
    name = _name(country, random)
    email = f"{_mailbox(name, index)}@example.{random.choice(['com', 'net', 'org'])}"
    person = {
        "full_name": name,
        "company": random.choice(COMPANIES) if random.random() < 0.7 else "",
        "mobile": numbers.mobile(country),
        "email": email,
        "country": country,
        "notes": random.choice(NOTES) if random.random() < 0.3 else "",
        "do_not_contact": random.random() < 0.02,
        "restricted": random.random() < 0.02,
    }
    return person | _gaps(country, random, numbers)


def _gaps(country: str, random: Random, numbers: Numbers) -> dict[str, Any]:
    """Return what is missing, duplicated or wrong in this contact. Most contacts have no such flaw."""
    kind = random.random()
    if kind < 0.05:
        return {"mobile": ""}
    if kind < 0.11:
        return {"email": ""}
    if kind < 0.14:
        return {"mobile": random.choice(UNUSABLE)}
    if kind < 0.20:
        return {"mobile": "", "phone": numbers.landline(country)}
    if kind < 0.32:
        return {"phone": numbers.mobile(country)}
    if kind < 0.40:
        return {"phone": numbers.landline(country)}
    return {}


def _name(country: str, random: Random) -> str:
    if random.random() < 0.06:
        return random.choice(FAR_FROM_HOME)
    given, family = NAMES[country]
    first, last = random.choice(given.split()), random.choice(family_names(family))
    return f"{last} {first}" if country == "JP" else f"{first} {last}"


def _mailbox(name: str, index: int) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    word = ".".join("".join(sign for sign in part if sign.isalnum()) for part in plain.split()).strip(".")
    return f"{word or 'customer'}.{index}"
