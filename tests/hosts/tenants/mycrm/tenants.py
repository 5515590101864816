"""Row-level security: what the middleware sets for a request is set for the worker."""

from contextlib import contextmanager

from django.db import connection


@contextmanager
def worker_context(account, agent):
    tenant = str(agent.company_id) if agent is not None else ""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('mycrm.tenant', %s, false)", [tenant])
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('mycrm.tenant', '', false)")
