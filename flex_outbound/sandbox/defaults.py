"""The accounts that every sandbox starts with: public constants with the same values on every machine.

Other programs (the demo's seed, tests) import these names, so this module imports only the standard library and
``ids``. The credentials are valid for a sandbox only.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from flex_outbound.sandbox.ids import fixed_hex, fixed_sid


class Sender(NamedTuple):
    """One of the business's own addresses: channel (``sms``, ``whatsapp``, ``email``), address, name."""

    channel: str
    address: str
    name: str


class Template(NamedTuple):
    """A content template: SID, name, language, body with ``{{1}}`` marks, samples, WhatsApp approval."""

    sid: str
    name: str
    language: str
    body: str
    variables: dict[str, str]
    status: str
    category: str
    rejection_reason: str


# --- the first account -------------------------------------------------------------------------------------
ACCOUNT_SID = fixed_sid("AC", "account")
AUTH_TOKEN = fixed_hex("auth token")
API_KEY_SID = fixed_sid("SK", "api key")
API_KEY_SECRET = fixed_hex("api key secret")
WORKSPACE_SID = fixed_sid("WS", "Flex Task Assignment")
WORKSPACE_NAME = "Flex Task Assignment"
WORKFLOW_SID = fixed_sid("WW", "Assign to Anyone")
WORKFLOW_NAME = "Assign to Anyone"
FLEX_INSTANCE_SID = fixed_sid("GO", "flex instance")
CHAT_SERVICE_SID = fixed_sid("IS", "Flex Chat Service")

TASK_CHANNELS = {name: fixed_sid("TC", name) for name in ("default", "sms", "chat", "email", "voice")}
QUEUES = {name: fixed_sid("WQ", name) for name in ("Outbound", "Support", "Everyone")}
WORKERS = {name: fixed_sid("WK", name) for name in ("agent", "bea", "carlos", "dana", "manager")}
WORKER_FULL_NAMES = {
    "agent": "Ada Agent",
    "bea": "Bea Bright",
    "carlos": "Carlos Cruz",
    "dana": "Dana Doyle",
    "manager": "Mona Manager",
}
OFFLINE_WORKERS = ("dana",)
ACTIVITIES = {name: fixed_sid("WA", name) for name in ("Offline", "Available", "Unavailable", "Break")}
AVAILABLE_ACTIVITIES = ("Available",)

SMS_SENDER = "+15005550006"
SMS_SENDER_UK = "+442079460958"
WHATSAPP_SENDER = "whatsapp:+14155238886"
EMAIL_SENDER = "support@example.com"
SENDERS = (
    Sender("sms", SMS_SENDER, "Front desk"),
    Sender("sms", SMS_SENDER_UK, "London office"),
    Sender("whatsapp", WHATSAPP_SENDER, "WhatsApp line"),
    Sender("email", EMAIL_SENDER, "Support"),
)

CONTENT_TEMPLATES = (
    Template(
        fixed_sid("HX", "appointment_reminder"),
        "appointment_reminder",
        "en",
        "Hello {{1}}, we look forward to seeing you on {{2}}.",
        {"1": "Ann", "2": "Monday at 10:00"},
        "approved",
        "UTILITY",
        "",
    ),
    Template(
        fixed_sid("HX", "follow_up"),
        "follow_up",
        "en",
        "Hello {{1}}, this is {{2}}. May we follow up on your question?",
        {"1": "Ann", "2": "Ada"},
        "approved",
        "UTILITY",
        "",
    ),
    Template(
        fixed_sid("HX", "welcome_back"),
        "welcome_back",
        "en",
        "Welcome back! Answer this message and we will pick up where we left off.",
        {},
        "approved",
        "MARKETING",
        "",
    ),
    Template(
        fixed_sid("HX", "spring_offer"),
        "spring_offer",
        "en",
        "Hello {{1}}, spring is here, and so is our offer.",
        {"1": "Ann"},
        "pending",
        "MARKETING",
        "",
    ),
    Template(
        fixed_sid("HX", "win_a_car"),
        "win_a_car",
        "en",
        "You have won! Send us your card number.",
        {},
        "rejected",
        "MARKETING",
        "The template asks for sensitive data.",
    ),
)

# --- a second account, to find mistakes that mix up accounts -----------------------------------------------
ACCOUNT2_SID = fixed_sid("AC", "second account")
ACCOUNT2_AUTH_TOKEN = fixed_hex("second auth token")
ACCOUNT2_API_KEY_SID = fixed_sid("SK", "second api key")
ACCOUNT2_API_KEY_SECRET = fixed_hex("second api key secret")
ACCOUNT2_WORKSPACE_SID = fixed_sid("WS", "Second Workspace")
ACCOUNT2_WORKFLOW_SID = fixed_sid("WW", "Second Workflow")
ACCOUNT2_FLEX_INSTANCE_SID = fixed_sid("GO", "second flex instance")
ACCOUNT2_CHAT_SERVICE_SID = fixed_sid("IS", "Second Chat Service")
ACCOUNT2_TASK_CHANNELS = {name: fixed_sid("TC", f"second {name}") for name in TASK_CHANNELS}
ACCOUNT2_QUEUES = {"Everyone": fixed_sid("WQ", "second Everyone")}
ACCOUNT2_WORKERS = {"erin": fixed_sid("WK", "second erin")}
ACCOUNT2_ACTIVITIES = {name: fixed_sid("WA", f"second {name}") for name in ACTIVITIES}
ACCOUNT2_SENDERS = (
    Sender("sms", "+15005550009", "Second account"),
    Sender("whatsapp", "whatsapp:+15005550009", "Second account on WhatsApp"),
    Sender("email", "hello@second.example.com", "Second account's mail"),
)


def worker_attributes(name: str) -> str:
    """Return the attributes of the worker ``name`` as TaskRouter keeps them: JSON text."""
    attributes = {
        "full_name": WORKER_FULL_NAMES.get(name, name.title()),
        "email": f"{name}@example.com",
        "contact_uri": f"client:{name}",
        "roles": ["supervisor"] if name == "manager" else ["agent"],
        "routing": {"skills": ["outbound", "support"], "levels": {}},
    }
    return json.dumps(attributes)
