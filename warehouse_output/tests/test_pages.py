"""The page and the API of warehouse output (W092)."""

from __future__ import annotations

import pytest

from delivery.tests.builders import make_connection
from tests import factories
from warehouse_output.models import OutputRun
from warehouse_output.services.outputs import output_of
from warehouse_output.tests.writing import emit, run_all, switch_on

pytestmark = pytest.mark.django_db


@pytest.fixture
def call(space):
    connection = make_connection(space=space, send_identify=True)
    emit(connection, factories.make_profile(space=space, ids=[("user_id", "u1")]))


@pytest.fixture
def page(space, file_place):
    return f"/s/{space.slug}/settings/warehouses/{file_place.source.public_id}/output/"


@pytest.fixture
def api(space, file_place):
    return f"/api/v1/spaces/{space.slug}/warehouses/{file_place.source.public_id}/output/"


def test_the_page_switches_it_on_and_shows_the_rows_of_runs(client_for, admin, file_place, page, call):
    client = client_for(admin)
    assert "No calls are written here" in client.get(page).content.decode()

    answer = client.post(
        page, {"is_enabled": "on", "schedule": "6", "tables": ["identifies", "users", "groups", "audience_entered"]}
    )

    assert answer.status_code == 302
    output = output_of(file_place.source)
    assert (output.is_enabled, output.schedule) == (True, {"every": "hours", "hours": 6})
    assert output.excluded == ["audience_exited"]
    run_all()
    shown = client.get(page).content.decode()
    assert "engage_acme_dev.audience_entered</span> 1" in shown
    assert 'data-state="finished"' in shown


def test_a_mistake_is_shown_at_its_field(client_for, admin, file_place, page):
    answer = client_for(admin).post(page, {"is_enabled": "on", "schedule": "times", "times": "25:00"})

    assert answer.status_code == 422
    assert "25:00 is no time of the day" in answer.content.decode()
    assert output_of(file_place.source) is None


def test_sync_now_and_begin_again_are_for_admins(client_for, admin, editor, file_place, page, call):
    switch_on(file_place.source)
    run_all()

    refused = [client_for(editor).post(f"{page}{verb}/").status_code for verb in ("sync", "again")]
    taken = client_for(admin).post(f"{page}sync/").status_code

    assert (refused, taken) == ([403, 403], 302)
    assert OutputRun.objects.latest("id").trigger == "person"
    assert run_all()[0].calls == 0
    assert client_for(admin).post(f"{page}again/").status_code == 302
    assert [run.calls for run in run_all()] == [2]


def test_the_api_does_the_same(api_for, admin, viewer, space, file_place, api, call):
    client = api_for(admin, space)
    before = client.get(api).json()
    assert (before["is_enabled"], before["schemas"]) == (False, [])

    wrong = client.patch(api, {"schedule": {"every": "hours", "hours": 5}, "excluded": ["A B"]}, format="json")
    changed = client.patch(api, {"is_enabled": True, "excluded": ["users"]}, format="json")
    run_all()
    runs = client.get(f"{api}runs/").json()["results"]

    assert wrong.status_code == 400
    assert [one["path"] for one in wrong.json()["errors"]] == ["/schedule/hours", "/excluded/0"]
    assert changed.json()["schemas"] == ["engage_acme_dev"]
    assert runs[0]["rows"] == {"engage_acme_dev.audience_entered": 1, "engage_acme_dev.identifies": 1}
    assert client.post(f"{api}runs/").status_code == 202
    assert client.post(f"{api}begin-again/").status_code == 409
    assert api_for(viewer, space).patch(api, {"is_enabled": False}, format="json").status_code == 403
