"""A schema for each tenant: one sweep for each."""

from celery import shared_task
from django_tenants.utils import get_public_schema_name, get_tenant_model, tenant_context

from flex_outbound.tasks import sweep


@shared_task(ignore_result=True)
def sweep_tenants():
    for tenant in get_tenant_model().objects.exclude(schema_name=get_public_schema_name()):
        with tenant_context(tenant):
            sweep.delay()
