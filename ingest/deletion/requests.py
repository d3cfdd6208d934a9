"""Asking for the suppression or deletion of a person, and lifting a suppression."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from common.errors import ConflictError, FieldError, InvalidError
from common.tasks import enqueue
from engine.events import LONGEST_ID
from ingest.deletion import people
from ingest.deletion.job import OPEN, by_type
from ingest.deletion.requests_log import newest_request
from ingest.deletion.subject import Identity, Subject
from ingest.tasks import regulate
from profiles.models import USERS, ExternalId, Profile, Regulation
from profiles.services.identity_rules import identity_rules
from profiles.services.suppressions import Key, find, lift, suppress
from spaces import audit
from spaces.models import Space, User

Kind = Regulation.Kind
MOST_IDENTIFIERS = 100


class NoPersonError(InvalidError):
    """Neither a profile nor an identifier is named."""

    code = "required"


def read_identifier(space: Space, text: str) -> Identity:
    """`type:value`; InvalidError at /identifier when it is none of a user."""
    id_type, colon, value = text.strip().partition(":")
    if not colon:
        raise InvalidError.at("/identifier", "Write it as type:value, such as email:ann@example.com.", "invalid")
    return checked_identifiers(space, [(id_type.strip(), value)], path="/identifier")[0]


def checked_identifiers(
    space: Space, given: Iterable[tuple[str, str]], *, path: str = "/identifiers"
) -> list[Identity]:
    """The identifiers as they are looked up; InvalidError names those that are none of a user of this space."""
    rules = identity_rules(space.pk)
    known = sorted(id_type for collection, id_type in rules.by_type if collection == USERS)
    errors: list[FieldError] = []
    found: list[Identity] = []
    for number, (id_type, value) in enumerate(given):
        at = f"{path}/{number}" if path == "/identifiers" else path
        clean = value.strip()
        if id_type not in known:
            detail = f"Use a type of identifier that this space has: {', '.join(known)}."
            errors.append(FieldError(path=at, code="unknown_type", detail=detail))
        elif not clean or len(clean) > LONGEST_ID or "\0" in clean or not clean.isprintable():
            detail = f"The value is a text of 1 to {LONGEST_ID} characters."
            errors.append(FieldError(path=at, code="invalid_value", detail=detail))
        else:
            found.append(Identity(id_type, clean.lower(), clean))
    if len(found) > MOST_IDENTIFIERS:
        detail = f"Name at most {MOST_IDENTIFIERS} identifiers."
        errors.append(FieldError(path=path, code="too_many", detail=detail))
    if errors:
        raise InvalidError(errors[0].detail, errors)
    return found


@transaction.atomic
def ask(
    *,
    space: Space,
    actor: User | None,
    kind: str,
    profile: Profile | None = None,
    identifiers: Sequence[Identity] = (),
    now: datetime | None = None,
) -> Regulation:
    """Take the request and, unless something has to be deleted, carry it out at once.

    All identifiers of the profile count; without one, the profile that holds one of `identifiers` is looked up. From
    the commit on calls with them are refused: until the deletion is done, or for good where the person is suppressed.
    ConflictError while the same person is being deleted; InvalidError for a company, or when nobody is named.
    """
    now = now or timezone.now()
    if kind not in Kind.values:
        raise InvalidError.at("/kind", f"Use one of {', '.join(Kind.values)}.", "invalid")
    subject = _subject(space, profile, identifiers)
    if not subject.ids and not subject.profiles:
        raise NoPersonError.at("/identifier", "Name a profile or an identifier.", "required")
    Space.objects.select_for_update(no_key=True).get(pk=space.pk)
    _refuse_repeated(space, subject, kind)
    regulation = Regulation.objects.create(
        space=space,
        kind=kind,
        asked_by=actor,
        segment_id=subject.segment_ids[0] if subject.segment_ids else "",
        identifiers=by_type(subject),
        state=Regulation.State.WAITING,
    )
    if regulation.deletes:
        regulation.progress = {"upto": newest_request(space.pk)}
        regulation.subject = subject.seal()
        regulation.save(update_fields=["progress", "subject"])
        is_temporary = kind == Kind.DELETE
        suppress(regulation=regulation, keys=subject.keys, profile_id=None, is_temporary=is_temporary)
        enqueue(regulate)
    else:
        _carry_out(regulation, subject, now)
    audit.record(
        space=space,
        actor=actor,
        action="regulation.asked",
        target=regulation,
        after={"kind": kind, "identifiers": regulation.identifiers, "profile": regulation.segment_id},
    )
    return regulation


def _subject(space: Space, profile: Profile | None, identifiers: Sequence[Identity]) -> Subject:
    if profile is not None and profile.collection != USERS:
        raise InvalidError.at("/profile", "This profile is a company; only people can be suppressed or deleted.")
    subject = Subject(ids=list(identifiers))
    if profile is not None:
        subject.profiles, subject.segment_ids = [profile.id], [profile.segment_id]
    people.learn(space.pk, subject, people.find_profiles(space.pk, subject))
    return subject


def _refuse_repeated(space: Space, subject: Subject, kind: str) -> None:
    rows = Regulation.objects.in_space(space).filter(state__in=OPEN)
    if subject.segment_ids and rows.filter(segment_id__in=subject.segment_ids).exists():
        raise ConflictError("This person is being deleted already. Look at the request under Settings, Privacy.")
    if kind == Kind.UNSUPPRESS or subject.segment_ids:
        return
    names = {(one.id_type, one.value) for one in subject.ids}
    for row in rows:
        if names & {(one.id_type, one.value) for one in Subject.of(row).ids}:
            raise ConflictError("This person is being deleted already. Look at the request under Settings, Privacy.")


def _carry_out(regulation: Regulation, subject: Subject, now: datetime) -> None:
    if regulation.kind == Kind.SUPPRESS:
        profile_id = subject.profiles[0] if subject.profiles else None
        added = suppress(regulation=regulation, keys=subject.keys, profile_id=profile_id, is_temporary=False)
        regulation.counts = {"identifiers": added}
    else:
        regulation.counts = {"identifiers": lift(space_id=regulation.space_id, keys=subject.keys)}
        if not regulation.counts["identifiers"]:
            raise ConflictError("None of these identifiers is suppressed.")
    regulation.state, regulation.finished_at = Regulation.State.DONE, now
    regulation.save(update_fields=["counts", "state", "finished_at"])


@transaction.atomic
def lift_regulation(*, regulation: Regulation, actor: User | None, now: datetime | None = None) -> Regulation:
    """Take in the calls again that a request refuses; a new request tells of it. ConflictError when it refuses none."""
    rows = regulation.suppressions.filter(is_temporary=False)
    lifted = rows.count()
    if not lifted or regulation.is_open:
        raise ConflictError("This request suppresses nobody (any more).")
    made = Regulation.objects.create(
        space=regulation.space,
        kind=Kind.UNSUPPRESS,
        asked_by=actor,
        segment_id=regulation.segment_id,
        identifiers=regulation.identifiers,
        counts={"identifiers": lifted},
        state=Regulation.State.DONE,
        finished_at=now or timezone.now(),
    )
    rows.delete()
    audit.record(
        space=regulation.space,
        actor=actor,
        action="regulation.asked",
        target=made,
        after={"kind": made.kind, "identifiers": made.identifiers, "profile": made.segment_id},
    )
    return made


@transaction.atomic
def resume(*, regulation: Regulation, actor: User | None) -> None:
    """Go on with a request that failed. ConflictError when it did not."""
    rows = Regulation.objects.filter(pk=regulation.pk, state=Regulation.State.FAILED)
    if not rows.update(state=Regulation.State.RUNNING, attempts=0, lease_until=None):
        raise ConflictError("This request has not failed.")
    audit.record(space=regulation.space, actor=actor, action="regulation.resumed", target=regulation)
    enqueue(regulate)


def is_suppressed(space: Space, identity: Identity) -> Regulation | None:
    """The request for which calls with this identifier are refused."""
    return find(space_id=space.pk, key=Key(identity.id_type, identity.value))


def suppressing(space: Space, profile: Profile) -> list[Regulation]:
    """The requests for which identifiers of a profile are refused, newest first."""
    rows = ExternalId.objects.in_space(space).filter(profile_id=profile.id, collection=USERS)
    found = {
        row
        for id_type, value in rows.values_list("id_type", "value")
        if (row := is_suppressed(space, Identity(id_type, value, value))) is not None
    }
    return sorted(found, key=lambda row: -row.pk)
