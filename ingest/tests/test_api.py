from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.utils import timezone
from rest_framework.test import APIClient

from ingest.models import RejectedMessage, SourceCounter
from spaces.models import Member, Source, Space, User
from tests.factories import make_source, make_space

Api = Callable[..., APIClient]


def reject(source: Source, message: str) -> RejectedMessage:
    return RejectedMessage.objects.create(
        space_id=source.space_id,
        source_id=source.pk,
        received_at=timezone.now(),
        code="event_not_defined",
        detail="A track call needs an event.",
        message=message,
    )


def test_counts_of_a_source_add_up(owner: User, space: Space, api_for: Api) -> None:
    source, now = make_source(space=space), timezone.now()
    for hour, stored in ((now, 5), (now - timedelta(days=2), 50)):
        SourceCounter.objects.create(
            space_id=space.pk,
            source_id=source.pk,
            hour=hour,
            received=stored + 3,
            stored=stored,
            duplicate=1,
            rejected=2,
        )

    response = api_for(owner).get(f"/api/v1/spaces/{space.slug}/sources/{source.public_id}/counts/")

    assert response.json() == {"received": 8, "stored": 5, "duplicate": 1, "rejected": 2}


def test_rejected_messages_come_with_their_reason(owner: User, space: Space, api_for: Api) -> None:
    source = make_source(space=space)
    row = reject(source, '{"userId": "u1"}')

    response = api_for(owner).get(f"/api/v1/spaces/{space.slug}/sources/{source.public_id}/rejected/")

    [shown] = response.json()["results"]
    assert (shown["id"], shown["code"], shown["message"]) == (row.id, "event_not_defined", '{"userId": "u1"}')


def test_what_cannot_be_masked_is_withheld(owner: User, space: Space, api_for: Api) -> None:
    source = make_source(space=space)
    reject(source, '{"userId": "u1')
    Member.objects.update(has_pii_access=False)

    response = api_for(owner).get(f"/api/v1/spaces/{space.slug}/sources/{source.public_id}/rejected/")

    assert response.json()["results"][0]["message"] == "Hidden: it may hold personal data."


def test_source_of_another_space_is_not_found(owner: User, space: Space, api_for: Api) -> None:
    foreign = make_source(space=make_space())

    for name in ("counts", "rejected"):
        response = api_for(owner).get(f"/api/v1/spaces/{space.slug}/sources/{foreign.public_id}/{name}/")
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
