"""CSV exports: what a file says, what may be asked when, and what becomes of the files."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from audiences.models import Audience, AudienceExport
from audiences.services import exports
from audiences.services.audiences import create_audience
from audiences.services.backfill import claim_run, work
from audiences.services.export_rows import safe_cell
from common.errors import ConflictError, InvalidError
from profiles.models import ObservedField
from spaces.models import AuditEntry, Role, Space, User
from tests import factories

EVERYBODY = {"version": 1, "collection": "users", "where": {"identifier": "user_id", "exists": True}}
State = AudienceExport.State


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, settings: Any) -> Path:
    settings.ENGAGE_DATA = tmp_path
    return tmp_path


@pytest.fixture
def audience(space: Space) -> Audience:
    """Ana with two e-mails and Ben with a formula for a name."""
    factories.make_profile(
        space=space,
        ids=[("user_id", "u1"), ("email", "ana@acme.example"), ("email", "ana@home.example")],
        traits={"name": "Ana", "plan": "pro", "visits": 7, "tags": ["a", "b"]},
    )
    factories.make_profile(space=space, ids=[("user_id", "u2")], traits={"name": "=HYPERLINK(1)", "plan": None})
    made = create_audience(space=space, name="Everybody", definition=EVERYBODY, created_by=None)
    run = claim_run()
    assert run is not None
    work(run)
    made.refresh_from_db()
    return made


def generate(audience: Audience, *, shows_pii: bool = True, **columns: Any) -> AudienceExport:
    asked = {"identifiers": ["user_id", "email"], "traits": ["name", "plan", "visits"]} | columns
    made = exports.start_export(audience=audience, started_by=None, shows_pii=shows_pii, **asked)
    claimed = exports.claim_export()
    assert claimed == made
    exports.write_export(claimed)
    made.refresh_from_db()
    return made


def rows_in(export: AudienceExport) -> list[list[str]]:
    path = exports.open_file(export)
    assert path is not None
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_formatted_has_a_column_a_value(audience: Audience) -> None:
    """F139, W046: the members, external IDs and traits as separate columns."""
    made = generate(audience)

    head, ana, ben = rows_in(made)
    assert head == ["user_key", "user_id", "email", "email_1", "name", "plan", "visits"]
    assert ana[1:] == ["u1", "ana@acme.example", "ana@home.example", "Ana", "pro", "7"]
    assert ben[1:] == ["u2", "", "", "'=HYPERLINK(1)", "", ""]
    assert (made.state, made.rows_done, made.rows_total) == (State.DONE, 2, 2)
    assert made.bytes == exports.path_of(made).stat().st_size
    assert oct(exports.path_of(made).stat().st_mode & 0o777) == "0o600"


def test_unformatted_has_json(audience: Audience) -> None:
    made = generate(audience, export_format="unformatted", traits=["plan", "tags"])

    head, ana, ben = rows_in(made)
    assert head == ["user_key", "external_ids", "traits"]
    assert json.loads(ana[1]) == {"user_id": ["u1"], "email": ["ana@acme.example", "ana@home.example"]}
    assert json.loads(ana[2]) == {"plan": "pro", "tags": ["a", "b"]}
    assert (json.loads(ben[1]), json.loads(ben[2])) == ({"user_id": ["u2"]}, {})


def test_personal_data_is_masked_without_the_right(audience: Audience) -> None:
    made = generate(audience, shows_pii=False)

    _, ana, _ = rows_in(made)
    assert ana[1:5] == ["u1", "a••••@acme.example", "a••••@home.example", "A••••"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [("=1", "'=1"), ("@x", "'@x"), ("+cmd", "'+cmd"), ("-1.5", "-1.5"), ("+49 (30) 1-2", "+49 (30) 1-2"), ("a=", "a=")],
)
def test_formulas_are_defused_and_numbers_stay(text: str, shown: str) -> None:
    assert safe_cell(text) == shown


def test_many_members_are_written_in_blocks(audience: Audience, space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "BLOCK_PROFILES", 1)
    monkeypatch.setattr(exports, "PROGRESS_BLOCKS", 1)

    made = generate(audience)

    assert [row[1] for row in rows_in(made)] == ["user_id", "u1", "u2"]


def test_one_at_a_time_and_one_in_five_minutes(audience: Audience) -> None:
    first = exports.start_export(audience=audience, started_by=None, shows_pii=True, identifiers=["user_id"])

    with pytest.raises(exports.ExportLimitError, match="being generated"):
        exports.start_export(audience=audience, started_by=None, shows_pii=True, identifiers=["user_id"])
    claimed = exports.claim_export()
    assert claimed is not None
    exports.write_export(claimed)
    with pytest.raises(exports.ExportLimitError, match="One file in five minutes"):
        exports.start_export(audience=audience, started_by=None, shows_pii=True, identifiers=["user_id"])

    later = timezone.now() + exports.BETWEEN
    assert exports.refusal_of(audience, now=later) == ""
    assert AudienceExport.objects.count() == 1
    assert AuditEntry.objects.filter(action="audience.exported", object_id=audience.public_id).count() == 1
    assert first.created_at < later


def test_a_file_without_columns_or_of_an_unknown_format_is_refused_with_both_reasons(audience: Audience) -> None:
    with pytest.raises(InvalidError) as refused:
        exports.start_export(audience=audience, started_by=None, shows_pii=True, export_format="xlsx")

    assert [error.path for error in refused.value.errors] == ["/format", "/identifiers"]
    assert not AudienceExport.objects.exists()


def test_a_cancelled_export_leaves_no_file(audience: Audience, data_folder: Path) -> None:
    made = exports.start_export(audience=audience, started_by=None, shows_pii=True, identifiers=["user_id"])
    claimed = exports.claim_export()
    assert claimed is not None

    exports.cancel_export(export=made)
    exports.write_export(claimed)

    made.refresh_from_db()
    assert made.state == State.CANCELLED
    assert list((data_folder / "exports").iterdir()) == []
    with pytest.raises(ConflictError):
        exports.cancel_export(export=made)
    assert exports.refusal_of(audience) == ""


def test_what_a_dead_worker_left_is_begun_anew_by_the_next(audience: Audience, data_folder: Path) -> None:
    made = exports.start_export(audience=audience, started_by=None, shows_pii=True, identifiers=["user_id"])
    assert exports.claim_export() is not None
    assert exports.claim_export() is None
    AudienceExport.objects.update(lease_until=timezone.now() - timedelta(seconds=1), rows_done=1)

    again = exports.claim_export()
    assert again is not None
    exports.write_export(again)

    made.refresh_from_db()
    assert (made.state, made.attempts) == (State.DONE, 2)
    assert len(rows_in(made)) == 3
    assert [path.name for path in (data_folder / "exports").iterdir()] == [f"{made.public_id}.csv"]


def test_a_full_disk_is_told(audience: Audience, data_folder: Path) -> None:
    (data_folder / "exports").write_text("a file where the folder should be")
    made = exports.start_export(audience=audience, started_by=None, shows_pii=True, identifiers=["user_id"])
    claimed = exports.claim_export()
    assert claimed is not None

    exports.write_export(claimed)

    made.refresh_from_db()
    assert made.state == State.FAILED
    assert made.error.startswith("The file cannot be written to the data folder")


def test_files_are_deleted_when_their_time_is_over(audience: Audience, data_folder: Path) -> None:
    made = generate(audience)
    stray = data_folder / "exports" / "gone.csv.part"
    stray.write_text("x")

    exports.forget_exports(now=timezone.now())
    assert exports.open_file(made) is not None
    exports.forget_exports(now=timezone.now() + timedelta(days=4))

    made.refresh_from_db()
    assert made.state == State.EXPIRED
    assert list((data_folder / "exports").iterdir()) == []


def test_the_page_generates_and_downloads_without_script(
    audience: Audience, editor: User, client_for: Callable[[User], Client]
) -> None:
    """W046: columns, format, Generate CSV, download."""
    client, url = client_for(editor), f"/s/{audience.space.slug}/audiences/{audience.public_id}/export/"
    ObservedField.objects.create(
        space_id=audience.space_id, scope="trait", event_type=0, event_name="", path="plan",
        value_type="string", last_seen_at=timezone.now(),
    )  # fmt: skip

    refused = client.post(url, {"format": "formatted"})
    started = client.post(url, {"format": "formatted", "identifiers": ["user_id"], "traits": ["plan", "no_such"]})
    claimed = exports.claim_export()
    assert claimed is not None
    exports.write_export(claimed)
    page = client.get(url)
    file = client.get(f"{url}{claimed.public_id}/download/")

    assert refused.status_code == 422
    assert started.status_code == 302
    assert 'data-test="export.download"' in page.content.decode()
    assert file["Content-Disposition"].startswith('attachment; filename="everybody-')
    assert b"".join(file).decode().splitlines()[0] == "user_key,user_id,plan"


def test_only_members_with_the_right_download_personal_data(
    audience: Audience, viewer: User, outsider: User, client_for: Callable[[User], Client]
) -> None:
    made = generate(audience)
    url = f"/s/{audience.space.slug}/audiences/{audience.public_id}/export/{made.public_id}/download/"
    masked = factories.make_member(workspace=audience.space.workspace, role=Role.USER)
    masked.has_pii_access = False
    masked.save()

    allowed = client_for(viewer).get(url)
    assert allowed.status_code == 200
    assert len(b"".join(allowed).splitlines()) == 3
    assert client_for(masked.user).get(url).status_code == 403
    assert client_for(outsider).get(url).status_code == 404


def test_the_api_generates_reads_and_downloads(
    audience: Audience, owner: User, api_for: Callable[..., APIClient]
) -> None:
    client, url = api_for(owner), f"/api/v1/spaces/{audience.space.slug}/audiences/{audience.public_id}/exports/"

    made = client.post(url, {"identifiers": ["user_id"]}, format="json")
    again = client.post(url, {"identifiers": ["user_id"]}, format="json")
    claimed = exports.claim_export()
    assert claimed is not None
    exports.write_export(claimed)
    read = client.get(f"{url}{made.json()['id']}/").json()
    file = client.get(read["download_url"])

    assert (made.status_code, made.json()["state"], made.json()["download_url"]) == (202, "waiting", None)
    assert (again.status_code, again.json()["code"]) == (409, "export_limit")
    assert (read["state"], read["rows_done"]) == ("done", 2)
    assert b"".join(file).decode().splitlines()[0] == "user_key,user_id"
    assert [row["id"] for row in client.get(url).json()["results"]] == [read["id"]]
