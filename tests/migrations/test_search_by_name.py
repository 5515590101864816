"""The index for the search by name: of trigrams on PostgreSQL, of beginnings elsewhere."""

from django.db import connections

from flex_outbound.admin import search
from flex_outbound.models import Interaction


def test_each_database_gets_the_index_that_it_offers(migrated: str) -> None:
    with connections[migrated].cursor() as cursor:
        names = connections[migrated].introspection.get_constraints(cursor, Interaction._meta.db_table)
    kind = connections[migrated].vendor
    assert {name for name in names if name.startswith("flex_name_")} == {
        "flex_name_trigrams" if kind == "postgresql" else "flex_name_beginnings"
    }
    assert search._has_trigrams(migrated) is (kind == "postgresql")
