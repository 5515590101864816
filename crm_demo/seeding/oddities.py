"""Unusual contacts that every page must show correctly: hostile, very long, right-to-left and others."""

from typing import Any

LONG_NAME = (
    ("Maximiliana-Josephine von und zu " + "Wolfeschlegelsteinhausen-Bergerdorff " * 9)[:300].strip().ljust(300, "x")
)

ODDITIES: tuple[dict[str, Any], ...] = (
    {
        "full_name": "Robert <script>alert(1)</script>",
        "company": "<b>Bold</b> & Sons",
        "mobile": "(415) 555-0199",
        "email": "script@example.com",
        "country": "US",
        "notes": '"><img src=x onerror=alert(1)>',
    },
    {
        "full_name": 'O\'Brien & "Söhne"',
        "mobile": "0171 3920099",
        "email": "o'brien+sales@example.com",
        "country": "DE",
    },
    {"full_name": "{{ 7|add:7 }} {% now 'Y' %} %s %(name)s ${1}", "mobile": "+1 415 555 0198", "country": "US"},
    {
        "full_name": "عبد الرحمن بن محمد (مكتب 12)",
        "mobile": "07700 900999",
        "email": "rtl@example.com",
        "country": "GB",
    },
    {"full_name": "\u202eInverted Name", "mobile": "07700 900998", "country": "GB"},
    {"full_name": "👩🏽‍🚀 Zoë 🌈 Star", "mobile": "06 39 98 99 99", "email": "zoe@example.com", "country": "FR"},
    {"full_name": LONG_NAME, "company": "C" * 200, "mobile": "+61 491 570 999", "country": "AU"},
    {"full_name": "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍a̸l̶g̷o Combining", "mobile": "+1 212 555 0197", "country": "US"},
    {"full_name": "No Way To Reach Them", "country": "US"},
    {"full_name": "Extension Only", "mobile": "ext. 12", "country": "US"},
    {"full_name": "Not Available", "mobile": "n/a", "email": "not-an-address", "country": "US"},
    {"full_name": "Too Short", "mobile": "12345", "country": "GB"},
    {"full_name": "Too Long", "mobile": "+1 415 555 0123 4567 8901", "country": "US"},
    {"full_name": "Nowhere Land", "mobile": "07700 900997", "country": ""},
    {"full_name": "Landline Only", "mobile": "020 7946 0999", "country": "GB"},
    {"full_name": "Email Only", "email": "only@example.com", "country": "IE"},
    {
        "full_name": "Many Addresses",
        "mobile": "(212) 555-0196",
        "phone": "+44 7700 900996",
        "email": "many@example.com",
        "email_work": "many@work.example.com",
        "country": "US",
    },
    {
        "full_name": "Leave Me Alone",
        "mobile": "(212) 555-0195",
        "email": "leave@example.com",
        "country": "US",
        "do_not_contact": True,
    },
    {
        "full_name": "Very Important",
        "company": "Staff only",
        "mobile": "(212) 555-0194",
        "email": "vip@example.com",
        "country": "US",
        "restricted": True,
    },
)
