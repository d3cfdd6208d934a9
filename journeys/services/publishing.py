"""Publishing a draft: who enters is computed from now on, its steps are connected, the version before steps back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from django.db import transaction
from django.utils import timezone

from audiences.services.locks import lock_space
from common.errors import ConflictError, FieldError, InvalidError, ProductError
from common.tasks import enqueue
from engine.journeys.places import steps_of
from journeys.models import EndReason, Journey, JourneyEdit, JourneyStep, JourneyVersion, StepCount, VersionState
from journeys.selectors.journeys import ACTIVE
from journeys.services import entry_audiences
from journeys.services.drafts import lock_draft
from journeys.services.ending import request_ending
from journeys.services.keys import SENDING, step_rows, sync_steps
from journeys.services.naming import checked_name, lock_names, rename_row
from journeys.services.review import ARCHIVE, EXIT, FINISH, MOVE, PAUSE, PublishReview, review
from journeys.services.step_connections import remove_connections, sync_connections
from journeys.services.versions import lock_journey, refuse_while_resuming
from journeys.tasks import first_syncs
from spaces import audit
from spaces.models import User

ACTIONS = (PAUSE, ARCHIVE)
MAX_SUMMARY = 20_000


class NotPublishableError(ProductError):
    """The draft has problems; `errors` lists all of them with their paths."""

    code: ClassVar[str] = "not_publishable"


class StaleReviewError(ConflictError):
    """Something changed since the review was read. `review` is the one to read now."""

    code: ClassVar[str] = "stale_review"

    def __init__(self, found: PublishReview) -> None:
        self.review = found
        super().__init__(
            "Something changed since this review was made: the draft, the version before, a connection, or how many "
            "people wait in changed steps. Read the review as it is now and publish again. Nothing was published."
        )


@transaction.atomic
def publish(
    *,
    version: JourneyVersion,
    token: str = "",
    previous_action: str = PAUSE,
    excludes_earlier: bool = False,
    choices: Mapping[str, str] | None = None,
    published_by: User | None,
    now: datetime | None = None,
) -> JourneyVersion:
    """Publish the draft; everything or nothing happens.

    `token` is that of `review`; a first publication may go without. `previous_action`: "pause" lets the people of the
    version before finish there (it drains), "archive" ends their runs. `choices`: for steps that are removed or
    altered, what becomes of the people at them: "finish", "exit" or "move:<step of this version>".
    Raises StaleReviewError and ConflictError (409), NotPublishableError with all problems, InvalidError for choices.
    """
    space = version.journey.space
    lock_space(space.pk)
    journey = lock_journey(version.journey)
    draft = lock_draft(version)
    refuse_while_resuming(journey)
    found = review(draft, now=now)
    if token and token != found.token:
        raise StaleReviewError(found)
    _require_publishable(found)
    if found.previous is not None and not token:
        detail = "Read the publish review first and send its token: it says what changes for whom."
        raise InvalidError.at("/token", detail, "required")
    chosen = _checked_choices(found, previous_action, choices or {})
    now = now or timezone.now()
    if found.previous is not None:
        _step_back(found.previous, draft, previous_action, chosen, now)
    _go_live(journey, draft, found, excludes_earlier=excludes_earlier, published_by=published_by, now=now)
    _connect(draft, actor=published_by)
    disconnect_unused(journey, actor=published_by)
    JourneyEdit.objects.filter(version=draft).delete()
    audit.record(
        space=space,
        actor=published_by,
        action="journey.published",
        target=journey,
        before={"version": found.previous.number if found.previous else None},
        after={
            "version": draft.number,
            "previous_action": previous_action if found.previous else None,
            "excludes_earlier": excludes_earlier,
            "choices": chosen,
            "changes": list(found.changes),
        },
    )
    return draft


def _require_publishable(found: PublishReview) -> None:
    if found.errors:
        count = len(found.errors)
        problems = "1 problem" if count == 1 else f"{count} problems"
        raise NotPublishableError(
            f"This draft has {problems} to correct before it can be published.",
            [FieldError(path=one.path, code=one.code, detail=one.detail) for one in found.errors],
        )


def _checked_choices(found: PublishReview, action: str, choices: Mapping[str, str]) -> dict[str, str]:
    """All problems of the choices at once, each at /choices/<step>."""
    errors = []
    if action not in ACTIONS:
        detail = f"Choose what happens to the version before: {' or '.join(ACTIONS)}."
        errors.append(FieldError(path="/previous_action", code="unknown_choice", detail=detail))
    changed = {*found.steps.removed, *found.steps.altered} if found.previous else set()
    targets = {step["id"] for step in steps_of(found.version.definition) if step["type"] != "connect"}
    for step_id, choice in choices.items():
        detail = code = ""
        if step_id not in changed:
            code, detail = "unknown_step", "This step is neither removed nor altered, so there is nothing to choose."
        elif choice == FINISH and action == ARCHIVE:
            code = "impossible"
            detail = "Nobody finishes on an archived version. Choose exit or a step to move to, or pause the version."
        elif choice.startswith(MOVE) and choice.removeprefix(MOVE) not in targets:
            code, detail = "unknown_step", "The new version has no such step to move people to. Choose another one."
        elif choice not in (FINISH, EXIT) and not choice.startswith(MOVE):
            code, detail = "unknown_choice", 'Choose "finish", "exit" or "move:<step id>".'
        if code:
            errors.append(FieldError(path=f"/choices/{step_id}", code=code, detail=detail))
    if errors:
        raise InvalidError(errors[0].detail, errors)
    return dict(choices)


def _step_back(
    previous: JourneyVersion, draft: JourneyVersion, action: str, choices: Mapping[str, str], now: datetime
) -> None:
    if action == ARCHIVE:
        previous.state, previous.archived_at = VersionState.ARCHIVED, now
    else:
        previous.state, previous.paused_at = VersionState.DRAINING, previous.paused_at or now
    previous.save(update_fields=["state", "archived_at", "paused_at", "updated_at"])
    entry_audiences.stop(previous)
    if action == ARCHIVE or any(choice != FINISH for choice in choices.values()):
        request_ending(version=previous, reason=EndReason.REPLACED, now=now, choices=choices, to_version=draft)


def _go_live(
    journey: Journey,
    draft: JourneyVersion,
    found: PublishReview,
    *,
    excludes_earlier: bool,
    published_by: User | None,
    now: datetime,
) -> None:
    lock_names(journey.space)
    name = checked_name(space=journey.space, name=draft.definition["name"], journey=journey)
    if name != journey.name:
        rename_row(journey, name)
    draft.journey = journey
    draft.definition = {**draft.definition, "name": name}
    draft.state = VersionState.PUBLISHED
    draft.published_at, draft.published_by = now, published_by
    draft.excludes_earlier = excludes_earlier
    draft.summary = "\n".join(found.changes)[:MAX_SUMMARY]
    draft.entry_audience = entry_audiences.start(version=draft, now=now, created_by=published_by)
    draft.save()
    sync_steps(draft)


def _connect(version: JourneyVersion, *, actor: User | None) -> None:
    rows = step_rows(version.journey)
    for number, step in enumerate(steps_of(version.definition)):
        if step["type"] in SENDING:
            row = rows[step["id"]]
            sync_connections(
                space=version.journey.space,
                row=row,
                step=step,
                path=f"/steps/{number}",
                first_sync=has_people(row),
                actor=actor,
            )
    enqueue(first_syncs)


def disconnect_unused(journey: Journey, *, actor: User | None) -> None:
    """Remove the connections of steps that no version with people in it has any more."""
    used: set[str] = set()
    for definition in journey.versions.filter(state__in=ACTIVE).values_list("definition", flat=True):
        used |= {step["id"] for step in steps_of(definition) if step["type"] in SENDING}
    for step_id, row in step_rows(journey).items():
        if row.key and step_id not in used:
            remove_connections(row=row, actor=actor)


def has_people(row: JourneyStep) -> bool:
    """Whether anybody ever joined the step: a destination that is new to it gets them too."""
    return StepCount.objects.filter(space_id=row.space_id, step_id=row.pk, joined__gt=0).exists()
