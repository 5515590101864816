"""Saved replies that all agents of the demo share. Existing ones are not changed."""

from flex_outbound.models import SavedReply

SIGNATURE = "{{agent.name}}\nFernhill Ltd, Customer Care\n{{agent.email}}"
"""Below the emails of the demo."""

REPLIES = (
    {
        "short_code": "hi",
        "title": "Greeting",
        "category": "Hello and goodbye",
        "body": "Hello {{contact.first_name}}, this is {{agent.first_name}} of Fernhill. How can I help you?",
    },
    {
        "short_code": "bye",
        "title": "Goodbye",
        "category": "Hello and goodbye",
        "body": "Thank you, {{contact.first_name}}. Write to us at any time. {{agent.first_name}}",
    },
    {
        "short_code": "way",
        "title": "Order on its way",
        "category": "Orders",
        "body": "Good news: your order {{order.number}} is on its way and arrives on {{order.day}}.",
    },
    {
        "short_code": "call",
        "title": "Missed call",
        "category": "Calls",
        "body": "Hello {{contact.first_name}}, I have just tried to reach you. When may I call again? {{agent.name}}",
    },
    {
        "short_code": "offer",
        "title": "Offer",
        "category": "Sales",
        "channel": "email",
        "subject": "Your offer for {{contact.company}}",
        "body": "Dear {{contact.name}},\n\nthank you for your interest. We offer {{contact.company}}: {{offer}}.",
    },
)


def seed_replies() -> None:
    """Create the shared replies that are missing, by their short codes."""
    for given in REPLIES:
        SavedReply.objects.get_or_create(owner=None, short_code=given["short_code"], defaults=given)
