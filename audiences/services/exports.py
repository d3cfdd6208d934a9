"""CSV exports of audiences: asked for, generated in the background on disk, kept for a while, deleted.

The work is a row; a worker writes `<id>.csv.part` under the data folder and renames it when it is complete. The members
are those of the instant at which writing began. A worker that dies leaves a part that the next one starts anew.
"""

from __future__ import annotations

import csv
import logging
import os
from array import array
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from audiences.models import Audience, AudienceExport
from audiences.services.export_rows import BLOCK_PROFILES, header, line, people, widths
from audiences.tasks import export as export_task
from common.errors import ConflictError, FieldError, InvalidError
from common.tasks import enqueue
from spaces import audit
from spaces.models import User

logger = logging.getLogger(__name__)

State = AudienceExport.State
OPEN = [State.WAITING, State.RUNNING]
LEASE = timedelta(minutes=2)
BETWEEN = timedelta(minutes=5)  # audiences-and-traits.md §10: one generation per 5 minutes
MOST_COLUMNS = 200
MAX_ATTEMPTS = 5
PROGRESS_BLOCKS = 5
KEPT = 20


class ExportLimitError(ConflictError):
    """One export of an audience at a time, and one in five minutes."""

    code = "export_limit"


def folder() -> Path:
    return Path(settings.ENGAGE_DATA) / "exports"


def path_of(export: AudienceExport) -> Path:
    return folder() / f"{export.public_id}.csv"


@transaction.atomic
def start_export(
    *,
    audience: Audience,
    started_by: User | None,
    shows_pii: bool,
    export_format: str = AudienceExport.Format.FORMATTED,
    identifiers: Sequence[str] = (),
    traits: Sequence[str] = (),
) -> AudienceExport:
    """Queue an export of the members with these columns.

    ExportLimitError while one is open or within five minutes of the last; InvalidError for an unknown format, no or too
    many columns.
    """
    identifiers, traits = list(dict.fromkeys(identifiers)), list(dict.fromkeys(traits))
    errors = _problems(export_format, identifiers, traits)
    if errors:
        raise InvalidError("This file cannot be made.", errors)
    Audience.objects.select_for_update().get(pk=audience.pk)
    refusal = refusal_of(audience)
    if refusal:
        raise ExportLimitError(refusal)
    try:
        with transaction.atomic():
            made = AudienceExport.objects.create(
                space=audience.space,
                audience=audience,
                format=export_format,
                identifiers=identifiers,
                traits=traits,
                shows_pii=shows_pii,
                rows_total=audience.size,
                created_by=started_by,
            )
    except IntegrityError as error:
        raise ExportLimitError("A file of this audience is being generated. Wait until it is ready.") from error
    audit.record(
        space=audience.space,
        actor=started_by,
        action="audience.exported",
        target=audience,
        after={"format": export_format, "identifiers": identifiers, "traits": traits, "with_personal_data": shows_pii},
    )
    _forget_surplus(audience)
    enqueue(export_task)
    return made


def _problems(export_format: str, identifiers: Sequence[str], traits: Sequence[str]) -> list[FieldError]:
    errors = []
    if export_format not in AudienceExport.Format.values:
        detail = f"Choose one of: {', '.join(AudienceExport.Format.values)}."
        errors.append(FieldError(path="/format", code="unknown_format", detail=detail))
    if not identifiers and not traits:
        detail = "Choose at least one external ID or trait."
        errors.append(FieldError(path="/identifiers", code="required", detail=detail))
    if len(identifiers) + len(traits) > MOST_COLUMNS:
        detail = f"Choose at most {MOST_COLUMNS} columns."
        errors.append(FieldError(path="/traits", code="too_many_columns", detail=detail))
    return errors


def refusal_of(audience: Audience, *, now: datetime | None = None) -> str:
    """Why no export can be started now; "" when one can."""
    now = now or timezone.now()
    latest = audience.exports.exclude(state__in=[State.FAILED, State.CANCELLED]).order_by("-id").first()
    if latest is None:
        return ""
    if latest.state in OPEN:
        return "A file of this audience is being generated. Wait until it is ready, or cancel it."
    wait = latest.created_at + BETWEEN - now
    if wait > timedelta():
        return f"One file in five minutes: the next can be generated at {latest.created_at + BETWEEN:%H:%M:%S} UTC."
    return ""


def cancel_export(*, export: AudienceExport) -> AudienceExport:
    """Stop an open export. ConflictError when it is over already."""
    changed = AudienceExport.objects.filter(pk=export.pk, state__in=OPEN).update(
        state=State.CANCELLED, finished_at=timezone.now(), lease_until=None
    )
    if not changed:
        raise ConflictError("This export is over already.")
    export.refresh_from_db()
    return export


def claim_export() -> AudienceExport | None:
    """Take the oldest open export that nobody works on."""
    now = timezone.now()
    with transaction.atomic():
        found: AudienceExport | None = (
            AudienceExport.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("audience", "space")
            .filter(state__in=OPEN)
            .filter(Q(lease_until=None) | Q(lease_until__lt=now))
            .order_by("id")
            .first()
        )
        if found is None:
            return None
        if found.attempts >= MAX_ATTEMPTS:
            _fail(found, found.error or "It was stopped too often by workers that ended before it was done.")
            return None
        found.state = State.RUNNING
        found.attempts += 1
        found.lease_until = now + LEASE
        found.save(update_fields=["state", "attempts", "lease_until"])
    return found


def write_export(export: AudienceExport) -> None:
    """Carry a claimed export to its end. What fails for a moment is tried again by a later claim."""
    part = path_of(export).with_suffix(".csv.part")
    try:
        part.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _write(export, part):
            os.replace(part, path_of(export))
            _finish(export)
    except DatabaseError as error:
        logger.exception("export %s failed in attempt %s", export.pk, export.attempts)
        _note_failure(export, str(error).splitlines()[0][:500])
    except OSError as error:
        logger.exception("export %s cannot be written", export.pk)
        _fail(export, f"The file cannot be written to the data folder: {error.strerror or error}.")
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _write(export: AudienceExport, part: Path) -> bool:
    """Write the whole file. False when the export was cancelled meanwhile."""
    ids, snapshot_at = _members(export)
    wide = widths(export)
    export.rows_total, export.snapshot_at, export.rows_done = len(ids), snapshot_at, 0
    if not _keep(export):
        return False
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header(export, wide))
        for number, start in enumerate(range(0, len(ids), BLOCK_PROFILES), 1):
            writer.writerows(
                line(export, person, wide) for person in people(export, ids[start : start + BLOCK_PROFILES])
            )
            export.rows_done = min(start + BLOCK_PROFILES, len(ids))
            if number % PROGRESS_BLOCKS == 0 and not _keep(export):
                return False
        file.flush()
        export.bytes = os.fstat(file.fileno()).st_size
    return True


def _members(export: AudienceExport) -> tuple[array[int], datetime]:
    """Ids of the members now, lowest first; 8 bytes each."""
    ids = array("q")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT now(), array_agg(profile_id ORDER BY profile_id) FROM membership "
            "WHERE space_id = %s AND audience_id = %s AND is_member",
            [export.space_id, export.audience_id],
        )
        snapshot_at, found = cursor.fetchone()
    ids.extend(found or ())
    return ids, snapshot_at


def _keep(export: AudienceExport) -> bool:
    """Note progress and go on holding the row; False when it is not ours any more (cancelled, or taken over)."""
    held = AudienceExport.objects.filter(pk=export.pk, state=State.RUNNING, attempts=export.attempts)
    return bool(
        held.update(
            rows_done=export.rows_done,
            rows_total=export.rows_total,
            snapshot_at=export.snapshot_at,
            lease_until=timezone.now() + LEASE,
        )
    )


def _finish(export: AudienceExport) -> None:
    now = timezone.now()
    done = AudienceExport.objects.filter(pk=export.pk, state=State.RUNNING, attempts=export.attempts).update(
        state=State.DONE,
        rows_done=F("rows_total"),
        bytes=export.bytes,
        error="",
        lease_until=None,
        finished_at=now,
        expires_at=now + timedelta(hours=settings.ENGAGE_EXPORT_HOURS),
    )
    if not done:
        path_of(export).unlink(missing_ok=True)


def _note_failure(export: AudienceExport, error: str) -> None:
    if export.attempts >= MAX_ATTEMPTS:
        _fail(export, error)
        return
    wait = timedelta(seconds=2**export.attempts)
    AudienceExport.objects.filter(pk=export.pk, state=State.RUNNING).update(
        error=error, lease_until=timezone.now() + wait
    )


def _fail(export: AudienceExport, error: str) -> None:
    AudienceExport.objects.filter(pk=export.pk, state__in=OPEN).update(
        state=State.FAILED, error=error, finished_at=timezone.now(), lease_until=None
    )


def open_file(export: AudienceExport) -> Path | None:
    """The finished file, None when there is none (any more)."""
    if export.state != State.DONE or (export.expires_at is not None and export.expires_at <= timezone.now()):
        return None
    path = path_of(export)
    return path if path.is_file() else None


def forget_exports(*, now: datetime) -> None:
    """Delete files past their time, and what no export knows. Safe to run twice."""
    expired = AudienceExport.objects.filter(state=State.DONE).filter(
        Q(expires_at__lte=now) | Q(audience__deleted_at__isnull=False)
    )
    for export in expired:
        path_of(export).unlink(missing_ok=True)
        AudienceExport.objects.filter(pk=export.pk).update(state=State.EXPIRED)
    if not folder().is_dir():
        return
    kept = set(AudienceExport.objects.filter(state__in=[*OPEN, State.DONE]).values_list("public_id", flat=True))
    for path in folder().iterdir():
        is_old = datetime.fromtimestamp(path.stat().st_mtime, tz=now.tzinfo) < now - LEASE
        if path.name.partition(".")[0] not in kept and is_old:
            path.unlink(missing_ok=True)


def _forget_surplus(audience: Audience) -> None:
    """Keep the latest of an audience."""
    kept = audience.exports.order_by("-id").values_list("pk", flat=True)[:KEPT]
    for export in audience.exports.exclude(pk__in=list(kept)).exclude(state__in=OPEN):
        path_of(export).unlink(missing_ok=True)
        export.delete()
