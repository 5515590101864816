"""Our parts stand in the head and around the contact's form of any page, and never within a form."""

import pytest

from flex_outbound.admin import placing

LEAD = '<form id="lead_form" method="post">fields</form>'
OTHER = '<form id="logout" method="post" action="/a/very/long/address/of/the/page/that/signs/out/">x</form>'


def around(page: str) -> str:
    return placing.around_form(page, "lead_form", "[above]", "[below]")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<body>", "</body>"),
        (f"<body>{OTHER}", f"{OTHER}</body>"),
        ("<body><!-- <form> --><script>'<form>'</script>", "</body>"),
        ("<body><template><form></template><textarea><form></textarea>", "</body>"),
        ('<body title="<form>">', "</body>"),
        ("", ""),
    ],
)
def test_the_parts_stand_around_the_contacts_form(before: str, after: str) -> None:
    assert around(f"{before}{LEAD}{after}") == f"{before}[above]{LEAD}[below]{after}"


def test_a_form_around_the_form_is_kept_outside() -> None:
    wrapped = f'<form method="get">{LEAD}</form>'
    assert around(f"<body>{wrapped}</body>") == f"<body>[above]{wrapped}[below]</body>"


def test_a_form_by_another_name_is_the_longest_that_posts() -> None:
    form = f'<FORM METHOD="post">{"field" * 40}</FORM>'
    get = f'<form method="get">{"field" * 80}</form>'
    assert around(f"{get}{OTHER}{form}") == f"{get}{OTHER}[above]{form}[below]"


@pytest.mark.parametrize("page", ["<body>words</body>", "<body>words</BODY>"])
def test_a_page_without_a_form_has_the_parts_at_its_end(page: str) -> None:
    assert around(page) == f"<body>words[above][below]{page[-7:]}"


def test_a_form_without_an_end_ends_with_the_page() -> None:
    form = '<form id="lead_form" method="post">fields'
    assert around(f"<body>{form}</body>") == f"<body>[above]{form}[below]</body>"


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<head><title></head></title></head><body>", "<head><title></head></title>[part]</head><body>"),
        ("<body>words</body>", "<body>words[part]</body>"),
        ("words", "words[part]"),
    ],
)
def test_a_part_of_the_head_stands_at_its_end(page: str, expected: str) -> None:
    assert placing.in_head(page, "[part]") == expected
