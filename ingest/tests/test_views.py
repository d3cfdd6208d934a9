from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.test import Client
from django.utils import timezone

from ingest.models import RejectedMessage, SourceCounter
from spaces.models import Source, Space, User
from tests import factories

Browser = Callable[[User], Client]


def _count(source: Source, *, hours_ago: int, stored: int, duplicate: int, rejected: int) -> None:
    hour = timezone.now().replace(minute=0, second=0, microsecond=0) - timedelta(hours=hours_ago)
    SourceCounter.objects.create(
        space_id=source.space_id,
        source_id=source.pk,
        hour=hour,
        received=stored + duplicate + rejected,
        stored=stored,
        duplicate=duplicate,
        rejected=rejected,
    )


def test_activity_adds_up_the_last_24_hours(owner: User, space: Space, client_for: Browser) -> None:
    source = factories.make_source(space=space)
    _count(source, hours_ago=0, stored=5, duplicate=2, rejected=1)
    _count(source, hours_ago=3, stored=10, duplicate=0, rejected=0)
    _count(source, hours_ago=30, stored=100, duplicate=0, rejected=0)

    response = client_for(owner).get(f"/s/{space.slug}/settings/sources/{source.public_id}/activity/")

    counts = response.context["counts"]
    assert (counts.received, counts.stored, counts.duplicate, counts.rejected) == (18, 15, 2, 1)
    assert sum(response.context["values"]) == 18


def test_counts_of_the_list_are_zero_where_nothing_came(owner: User, space: Space, client_for: Browser) -> None:
    busy, idle = factories.make_source(space=space), factories.make_source(space=space)
    _count(busy, hours_ago=1, stored=7, duplicate=0, rejected=0)

    response = client_for(owner).get(f"/s/{space.slug}/settings/source-counts/", headers={"HX-Request": "true"})

    counts = response.context["counts"]
    assert (counts.get(busy.pk).stored, counts.get(idle.pk).stored) == (7, 0)
    assert "<html" not in response.content.decode()


def test_rejected_message_is_masked_without_the_right(space: Space, owner: User, client_for: Browser) -> None:
    source = factories.make_source(space=space)
    for message in ('{"email": "jane@example.com"}', "not json jane@example.com"):
        RejectedMessage.objects.create(
            space_id=space.pk,
            source_id=source.pk,
            received_at=timezone.now(),
            code="event_not_defined",
            detail="A track call needs an event.",
            message=message,
        )
    masked = factories.make_member(workspace=space.workspace, role="user", has_pii_access=False).user
    url = f"/s/{space.slug}/settings/sources/{source.public_id}/activity/"

    assert "jane@example.com" in client_for(owner).get(url).content.decode()
    assert "jane@example.com" not in client_for(masked).get(url).content.decode()
