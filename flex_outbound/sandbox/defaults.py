"""The accounts that every sandbox starts with: public constants with the same values on every machine.

Other programs (the demo's seed, tests) import these names, so this module imports only the standard library and
``ids``. The credentials are valid for a sandbox only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from flex_outbound.sandbox.ids import fixed_hex, fixed_sid

MARK = re.compile(r"\{\{(\w+)\}\}")


class Sender(NamedTuple):
    """One of the business's own addresses: channel (``sms``, ``whatsapp``, ``email``, ``messenger``), address, name."""

    channel: str
    address: str
    name: str


class Template(NamedTuple):
    """A content template: SID, name, language, text with ``{{1}}`` marks, samples, WhatsApp approval.

    ``kind``: the type that is, or may be, approved. ``parts``: what that type has beside its text, and the text itself
    under another name than ``body`` where it has one; ``body`` is what the messages of a conversation show.
    ``more``: further types.
    """

    sid: str
    name: str
    language: str
    body: str
    variables: Mapping[str, str]
    status: str
    category: str
    rejection_reason: str
    kind: str = "twilio/text"
    parts: Mapping[str, Any] = {}
    more: Mapping[str, Any] = {}

    @property
    def types(self) -> dict[str, Any]:
        """The contents by type, as the Content API shows them."""
        is_there = not self.body or any(name in self.parts for name in ("body", "title", "label"))
        return {self.kind: ({} if is_there else {"body": self.body}) | dict(self.parts), **self.more}

    @property
    def marks(self) -> set[str]:
        """The names of the variables, wherever they stand."""
        return set(MARK.findall(json.dumps(self.types)))


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
MESSENGER_PAGE = "messenger:104857600000001"
SENDERS = (
    Sender("sms", SMS_SENDER, "Front desk"),
    Sender("sms", SMS_SENDER_UK, "London office"),
    Sender("whatsapp", WHATSAPP_SENDER, "WhatsApp line"),
    Sender("email", EMAIL_SENDER, "Support"),
)
PAGES = (Sender("messenger", MESSENGER_PAGE, "Messenger page"),)
"""Business addresses that no list of Twilio's shows."""

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
    Template(
        fixed_sid("HX", "termin_erinnerung"),
        "termin_erinnerung",
        "de",
        "Guten Tag {{first_name}}, Ihr Termin ist am {{2}}. Passt das noch?",
        {"first_name": "Anna", "2": "Montag um 10 Uhr"},
        "approved",
        "UTILITY",
        "",
        kind="twilio/quick-reply",
        parts={
            "actions": [
                {"type": "QUICK_REPLY", "title": "Ja, ich komme", "id": "yes"},
                {"type": "QUICK_REPLY", "title": "Bitte verschieben", "id": "move"},
            ]
        },
        more={"twilio/text": {"body": "Guten Tag {{first_name}}, Ihr Termin ist am {{2}}."}},
    ),
    Template(
        fixed_sid("HX", "delivery_photo"),
        "delivery_photo",
        "en",
        "Hello {{1}}, your parcel is here. Its number is {{2}}.",
        {"1": "Ann", "2": "AB-1234"},
        "approved",
        "UTILITY",
        "",
        kind="twilio/media",
        parts={"media": ["https://example.com/parcels/{{2}}.jpg"]},
    ),
    Template(
        fixed_sid("HX", "sign_in_code"),
        "sign_in_code",
        "en",
        "{{1}} is your verification code. For your security, do not share this code.",
        {"1": "123456"},
        "approved",
        "AUTHENTICATION",
        "",
        kind="whatsapp/authentication",
        parts={
            "add_security_recommendation": True,
            "code_expiration_minutes": 10,
            "actions": [{"type": "COPY_CODE", "copy_code_text": "Copy code"}],
        },
    ),
    Template(
        fixed_sid("HX", "order_status"),
        "order_status",
        "en",
        "Hello {{1}}, your order {{2}} is on its way.",
        {"1": "Ann", "2": "4711"},
        "approved",
        "UTILITY",
        "",
        kind="whatsapp/card",
        parts={
            "header_text": "Order {{2}}",
            "footer": "Example Ltd",
            "actions": [
                {"type": "URL", "title": "Follow it", "url": "https://example.com/orders/{{2}}"},
                {"type": "PHONE_NUMBER", "title": "Call us", "phone": "+15005550006"},
            ],
        },
    ),
    Template(
        fixed_sid("HX", "summer_tours"),
        "summer_tours",
        "en",
        "Hello {{1}}, two tours for you this summer:",
        {"1": "Ann"},
        "approved",
        "MARKETING",
        "",
        kind="twilio/carousel",
        parts={
            "cards": [
                {
                    "title": "Lakes",
                    "body": "Three days by boat",
                    "media": "https://example.com/lakes.jpg",
                    "actions": [{"type": "URL", "title": "See the lakes", "url": "https://example.com/lakes"}],
                },
                {
                    "title": "Mountains",
                    "body": "A week on foot",
                    "media": "https://example.com/mountains.jpg",
                    "actions": [{"type": "QUICK_REPLY", "title": "Tell me more", "id": "mountains"}],
                },
            ]
        },
    ),
    Template(
        fixed_sid("HX", "bewertung"),
        "bewertung",
        "de",
        "Wie zufrieden waren Sie, {{first_name}}?",
        {"first_name": "Anna"},
        "paused",
        "MARKETING",
        "",
        kind="twilio/call-to-action",
        parts={"actions": [{"type": "URL", "title": "Bewerten", "url": "https://example.com/bewerten"}]},
    ),
    Template(
        fixed_sid("HX", "opening_hours"),
        "opening_hours",
        "en",
        "When does it suit you best?",
        {},
        "unsubmitted",
        "",
        "",
        kind="twilio/list-picker",
        parts={
            "button": "Choose a time",
            "items": [
                {"item": "Morning", "id": "am", "description": "8 to 12"},
                {"item": "Afternoon", "id": "pm", "description": "13 to 17"},
            ],
        },
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
