"""What needs somebody in a space: shown on its home page, counted in the shell of every page."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.db.models import Sum

from audiences.models import Audience, ComputeStatus
from delivery.models import DeliveryCounter, DestinationHealth, Outcome
from delivery.selectors import dead_letters
from delivery.selectors.dead_letters import DESTINATION_DISABLED, Selection
from destinations.models import Destination
from spaces.context import route_url
from spaces.models import Space
from warehouse_output.selectors import failing_outputs, shown_error

DAY = timedelta(hours=24)
SHOWN = 10

Problem = dict[str, str]


def problems(space: Space, *, now: datetime, shows_pii: bool = False) -> list[Problem]:
    """`{"title", "text", "url"}` each, what stops deliveries first; with the right to personal data all of the text."""
    return [
        *_paused(space),
        *_spared(space, now),
        *_failed_audiences(space),
        *_failed_calls(space, now),
        *_skipped(space),
        *_failed_outputs(space, shows_pii=shows_pii),
    ]


def _destination_url(destination: Destination) -> str:
    return route_url("destinations:detail", destination.space, destination_id=destination.public_id)


def _paused(space: Space) -> list[Problem]:
    """Destinations that wait for new credentials."""
    rows = Destination.objects.in_space(space).filter(deleted_at=None, is_enabled=True, paused_at__isnull=False)
    return [
        {
            "title": f"{destination.name} is paused, so calls to it wait",
            "text": destination.pause_reason,
            "url": _destination_url(destination),
        }
        for destination in rows.order_by("name")[:SHOWN]
    ]


def _spared(space: Space, now: datetime) -> list[Problem]:
    """Destinations that fail so often that they are asked only now and then."""
    rows = DestinationHealth.objects.filter(
        destination__space=space,
        destination__deleted_at=None,
        destination__is_enabled=True,
        destination__paused_at=None,
        open_until__gt=now,
    )
    return [
        {
            "title": f"{health.destination.name} keeps failing, so calls to it wait",
            "text": health.last_error,
            "url": _destination_url(health.destination),
        }
        for health in rows.select_related("destination").order_by("destination__name")[:SHOWN]
    ]


def _failed_audiences(space: Space) -> list[Problem]:
    rows = Audience.objects.in_space(space).live().filter(status=ComputeStatus.FAILED)
    return [
        {
            "title": f"{audience.name} could not be computed",
            "text": audience.status_detail,
            "url": route_url("audiences:overview", space, audience_id=audience.public_id),
        }
        for audience in rows.order_by("name")[:SHOWN]
    ]


def _failed_calls(space: Space, now: datetime) -> list[Problem]:
    rows = DeliveryCounter.objects.filter(space_id=space.pk, bucket__gt=now - DAY, outcome=Outcome.FAILED)
    count = rows.aggregate(total=Sum("calls"))["total"]
    if not count:
        return []
    return [
        {
            "title": f"{count:,} deliver{'ies' if count > 1 else 'y'} failed for good in the last 24 hours",
            "text": "They are kept as dead letters and can be sent again.",
            "url": route_url("delivery:dead_letters", space),
        }
    ]


def _skipped(space: Space) -> list[Problem]:
    """Calls that were not sent while a destination was off that is on again."""
    calls: dict[Destination, int] = {}
    for group in dead_letters.groups(space, Selection(reason=DESTINATION_DISABLED)):
        if group.connection is not None and not dead_letters.why_not(group.connection):
            destination = group.connection.destination
            calls[destination] = calls.get(destination, 0) + group.calls
    return [
        {
            "title": f"{count:,} call{'s were' if count > 1 else ' was'} not sent while {destination.name} was off",
            "text": "The destination is on again. Replay the calls that its people should still get.",
            "url": f"{route_url('delivery:dead_letters', space)}?"
            + urlencode({"destination": destination.public_id, "reason": DESTINATION_DISABLED}),
        }
        for destination, count in sorted(calls.items(), key=lambda item: item[0].name)[:SHOWN]
    ]


def _failed_outputs(space: Space, *, shows_pii: bool) -> list[Problem]:
    """Warehouses whose last run of Engage's calls failed."""
    return [
        {
            "title": f"Engage's calls do not get into {output.source.name}",
            "text": shown_error(output.error, shows_pii=shows_pii),
            "url": route_url("warehouse_output:output", space, warehouse_id=output.source.public_id),
        }
        for output in failing_outputs(space.pk, limit=SHOWN)
    ]
