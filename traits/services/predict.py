"""What people do with a prediction beside what every trait has: train its model anew."""

from __future__ import annotations

from django.db import transaction

from audiences.models import ComputeStatus
from common.errors import ConflictError
from engine.traits.predictions import KIND
from spaces import audit
from spaces.models import User
from traits.models import Trait
from traits.services.predict_runs import start_training
from traits.services.traits import is_locked


class NotPredictiveError(ConflictError):
    """The trait has no model: its values come from elsewhere."""

    code = "not_a_prediction"


@transaction.atomic
def retrain(*, trait: Trait, retrained_by: User | None) -> Trait:
    """Train a new model now and score everybody by it: **Retrain**. The one in use stays until the new one is there."""
    locked: Trait = Trait.objects.select_for_update(of=("self",)).select_related("space").get(pk=trait.pk)
    if locked.kind != KIND:
        raise NotPredictiveError("Only predictions have a model to train. Refresh the trait instead.")
    if not locked.is_enabled:
        raise ConflictError("Enable the trait first; it is trained then.")
    if is_locked(locked):
        raise ConflictError("The trait is being trained or scored already.")
    locked.status = ComputeStatus.PREPARING
    locked.status_detail = ""
    locked.save(update_fields=["status", "status_detail", "updated_at"])
    audit.record(space=locked.space, actor=retrained_by, action="trait.retrained", target=locked)
    start_training(locked)
    return locked
