"""The endpoints that write into a task: its attributes, and the outcome of the conversation."""

from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils.translation import gettext as _
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from flex_outbound import contexts
from flex_outbound.api.attributes_shapes import AttributesSerializer, OutcomeSerializer
from flex_outbound.api.errors import collection_of
from flex_outbound.api.views import ApiView, ClickThrottle
from flex_outbound.conf import conf
from flex_outbound.exceptions import InvalidClick
from flex_outbound.models import Interaction
from flex_outbound.outbox import attribute_rules, outcomes
from flex_outbound.outbox.task_attributes import update_task_attributes
from flex_outbound.outbox.visible import shown_to, visible_to
from flex_outbound.statements import load_permissions


class TaskView(ApiView):
    """The base: about the task of one interaction that the user may see."""

    throttle_classes = [ClickThrottle]

    def find(self, request: Request, pk: UUID) -> Interaction:
        """Return the interaction. Raises Http404."""
        load_permissions(request.user)
        rows = contexts.loaded(visible_to(request.user).filter(pk=pk))
        found = next(iter(shown_to(request.user, rows)), None)
        if found is None:
            raise Http404
        return found

    def committed(self, request: Request, interaction: Interaction) -> Response:
        """Answer with the interaction as it is now."""
        found = contexts.loaded(Interaction.objects.filter(pk=interaction.pk)).get()
        data = contexts.describe(found, request.user, collection_of(request))
        return Response(data, status=202, headers={"Location": data["status_url"]})


class AttributesView(TaskView):
    """Changing a task's attributes."""

    def patch(self, request: Request, pk: UUID) -> Response:
        """Merges into the task, in the background: objects are merged, null drops a key. Only keys that are allowed."""
        interaction = self.find(request, pk)
        if not contexts.may_decide(request.user, interaction):
            raise PermissionDenied(_("This is another agent's. Only its agent may do this."), code="no_permission")
        form = AttributesSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        changes: Any = form.validated_data["attributes"]
        attribute_rules.check(changes)
        _check_allowed(changes)
        update_task_attributes(interaction, changes)
        return self.committed(request, interaction)


class OutcomeView(TaskView):
    """Saying how a conversation ended."""

    def post(self, request: Request, pk: UUID) -> Response:
        """Kept at once, and written into the task in the background: outcome_state says whether it is there."""
        interaction = self.find(request, pk)
        form = OutcomeSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        outcomes.give(interaction, request.user, **form.validated_data)
        return self.committed(request, interaction)


def _check_allowed(changes: dict[str, Any]) -> None:
    """Raise InvalidClick for a key that the settings do not allow."""
    key = attribute_rules.refused_key(changes, conf.task_attributes_allowed)
    if key is not None:
        words = _("“%(name)s” is not among the keys of the setting %(setting)s.")
        named = {"name": key, "setting": "TASK_ATTRIBUTES_ALLOWED"}
        raise InvalidClick(words % named, code="not_allowed", field=attribute_rules.FIELD, item=key)
