"""The kinds of alerts: what each needs to know, and how it reads the state of the world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet, Sum

from alerts.models import AlertRule, Direction, Kind
from audiences.models import Audience, ComputeStatus, MembershipCount
from delivery.models import Connection, DeliveryCounter, Outcome
from delivery.services.counters import EMITTED
from destinations.models import Destination
from ingest.models import SourceCounter
from warehouse_output.selectors import failing_outputs


@dataclass(frozen=True, kw_only=True)
class Reading:
    """`is_bad` None: there is not enough to judge by, and the state stays as it is. `value` is what was measured."""

    is_bad: bool | None
    sentence: str
    value: float | None = None


@dataclass(frozen=True, kw_only=True)
class KindFacts:
    """`about`: the members that name what is watched; each alternative is enough. () in it: everything of the space."""

    kind: Kind
    text: str
    about: tuple[tuple[str, ...], ...]
    read: Callable[[AlertRule, datetime], Reading]
    threshold: float | None = None
    threshold_words: str = ""
    hours: int | None = None
    least: int | None = None
    least_words: str = ""
    has_direction: bool = False


def read(rule: AlertRule, *, now: datetime) -> Reading:
    return KINDS[Kind(rule.kind)].read(rule, now)


def _period(hours: int) -> str:
    return "the last hour" if hours == 1 else f"the last {hours} hours"


def _counters(rule: AlertRule, *, since: datetime, until: datetime) -> QuerySet[DeliveryCounter]:
    rows = DeliveryCounter.objects.filter(space_id=rule.space_id, bucket__gt=since, bucket__lte=until)
    if rule.destination_id is not None:
        rows = rows.filter(destination_id=rule.destination_id)
    if rule.audience is not None:
        connections = Connection.objects.filter(space_id=rule.space_id, computation_id=rule.audience.public_id)
        rows = rows.filter(connection_id__in=connections.values("pk"))
    return rows


def _calls(rule: AlertRule, outcome: str, *, since: datetime, until: datetime) -> int:
    rows = _counters(rule, since=since, until=until).filter(outcome=outcome)
    return int(rows.aggregate(total=Sum("calls"))["total"] or 0)


def _about(rule: AlertRule) -> str:
    return rule.watched or "This space"


def _delivery_rate(rule: AlertRule, now: datetime) -> Reading:
    since = now - timedelta(hours=rule.hours)
    delivered = _calls(rule, Outcome.DELIVERED, since=since, until=now)
    failed = _calls(rule, Outcome.FAILED, since=since, until=now)
    finished = delivered + failed
    if finished < max(1, rule.least):
        return Reading(
            is_bad=None, sentence=f"{_about(rule)}: {finished:,} calls in {_period(rule.hours)}, too few to judge."
        )
    rate = delivered / finished * 100
    is_bad = rate < (rule.threshold or 0)
    word = "below" if is_bad else "not below"
    sentence = (
        f"{_about(rule)}: {rate:.1f}\N{NO-BREAK SPACE}% of {finished:,} calls of {_period(rule.hours)} were delivered, "
        f"{word} {rule.threshold:g}\N{NO-BREAK SPACE}%."
    )
    return Reading(is_bad=is_bad, sentence=sentence, value=rate)


def _change(rule: AlertRule, *, before: int, after: int, noun: str) -> Reading:
    """Whether a number moved by more than the threshold, in the direction that is watched."""
    if before < max(1, rule.least):
        return Reading(
            is_bad=None, sentence=f"{_about(rule)}: {before:,} {noun} in the period before, too few to compare with."
        )
    change = (after - before) / before * 100
    limit = rule.threshold or 0
    is_bad = (change > limit and rule.direction != Direction.DOWN) or (
        change < -limit and rule.direction != Direction.UP
    )
    sentence = (
        f"{_about(rule)}: {after:,} {noun} in {_period(rule.hours)} after {before:,} in the period before, "
        f"{change:+.1f}\N{NO-BREAK SPACE}%, {'beyond' if is_bad else 'within'} {limit:g}\N{NO-BREAK SPACE}%."
    )
    return Reading(is_bad=is_bad, sentence=sentence, value=change)


def _volume(rule: AlertRule, now: datetime) -> Reading:
    span = timedelta(hours=rule.hours)
    after = _calls(rule, EMITTED, since=now - span, until=now)
    before = _calls(rule, EMITTED, since=now - 2 * span, until=now - span)
    return _change(rule, before=before, after=after, noun="calls")


def _received(rule: AlertRule, *, since: datetime, until: datetime) -> int:
    assert rule.source is not None
    rows = SourceCounter.objects.filter(
        space_id=rule.space_id, source_id=rule.source.pk, hour__gt=since, hour__lte=until
    )
    return int(rows.aggregate(total=Sum("received"))["total"] or 0)


def _source_volume(rule: AlertRule, now: datetime) -> Reading:
    span = timedelta(hours=rule.hours)
    after = _received(rule, since=now - span, until=now)
    before = _received(rule, since=now - 2 * span, until=now - span)
    return _change(rule, before=before, after=after, noun="messages")


def _silence(rule: AlertRule, now: datetime) -> Reading:
    since = now - timedelta(hours=rule.hours)
    if rule.source_id is not None:
        count, words = _received(rule, since=since, until=now), "received"
    else:
        count, words = _calls(rule, Outcome.DELIVERED, since=since, until=now), "delivered"
    if count:
        return Reading(
            is_bad=False, sentence=f"{_about(rule)}: {count:,} {words} in {_period(rule.hours)}.", value=count
        )
    if rule.created_at > since:
        return Reading(
            is_bad=None, sentence=f"{_about(rule)}: nothing {words} yet; watched for less than {rule.hours} hours."
        )
    return Reading(is_bad=True, sentence=f"{_about(rule)}: nothing was {words} in {_period(rule.hours)}.", value=0)


def _destination_disabled(rule: AlertRule, _now: datetime) -> Reading:
    rows = Destination.objects.filter(space_id=rule.space_id, deleted_at=None, paused_at__isnull=False)
    if rule.destination_id is not None:
        rows = rows.filter(pk=rule.destination_id)
    paused = list(rows.order_by("name")[:5])
    if not paused:
        return Reading(is_bad=False, sentence=f"{_about(rule)}: no destination is paused.", value=0)
    reasons = " ".join(f"{one.name} was paused: {one.pause_reason}" for one in paused)
    return Reading(is_bad=True, sentence=reasons, value=len(paused))


def _audience_size(rule: AlertRule, now: datetime) -> Reading:
    assert rule.audience is not None
    moved = MembershipCount.objects.filter(
        space_id=rule.space_id, audience_id=rule.audience.pk, hour__gt=now - timedelta(hours=rule.hours)
    ).aggregate(came=Sum("entered"), went=Sum("left"))
    after = rule.audience.size
    return _change(rule, before=after - (moved["came"] or 0) + (moved["went"] or 0), after=after, noun="members")


def _compute_failed(rule: AlertRule, _now: datetime) -> Reading:
    rows = Audience.objects.filter(space_id=rule.space_id, deleted_at=None, status=ComputeStatus.FAILED)
    if rule.audience_id is not None:
        rows = rows.filter(pk=rule.audience_id)
    failed = list(rows.order_by("name")[:5])
    if not failed:
        return Reading(is_bad=False, sentence=f"{_about(rule)}: nothing failed to compute.", value=0)
    reasons = " ".join(f"{one.name} failed to compute: {one.status_detail}" for one in failed)
    return Reading(is_bad=True, sentence=reasons, value=len(failed))


def _warehouse_failed(rule: AlertRule, _now: datetime) -> Reading:
    """What the warehouse said may quote rows, and is left to its page."""
    failed = failing_outputs(rule.space_id, source_id=rule.warehouse_id, limit=5)
    if not failed:
        return Reading(is_bad=False, sentence=f"{_about(rule)}: no run that writes calls failed.", value=0)
    names = ", ".join(one.source.name for one in failed)
    sentence = f"Engage's calls do not get into {names}: the last run failed. The page of the warehouse says why."
    return Reading(is_bad=True, sentence=sentence, value=len(failed))


_FACTS = (
    KindFacts(
        kind=Kind.DELIVERY_RATE,
        text="Fires when the share of delivered calls falls below a percentage.",
        about=(("destination",), ()),
        read=_delivery_rate,
        threshold=95,
        threshold_words="Fires below (%)",
        hours=1,
        least=20,
        least_words="Judge from this many finished calls",
    ),
    KindFacts(
        kind=Kind.VOLUME,
        text="Fires when the number of calls changes by more than a percentage against the period before.",
        about=(("destination",), ("audience",), ("audience", "destination")),
        read=_volume,
        threshold=50,
        threshold_words="Fires beyond a change of (%)",
        hours=24,
        least=20,
        least_words="Compare from this many calls in the period before",
        has_direction=True,
    ),
    KindFacts(
        kind=Kind.SILENCE,
        text="Fires when nothing is delivered to a destination, or received from a source, for some hours.",
        about=(("destination",), ("source",)),
        read=_silence,
        hours=24,
    ),
    KindFacts(
        kind=Kind.DESTINATION_DISABLED,
        text="Fires when a destination is paused because the tool refuses the credentials.",
        about=(("destination",), ()),
        read=_destination_disabled,
    ),
    KindFacts(
        kind=Kind.AUDIENCE_SIZE,
        text="Fires when the size of an audience changes by more than a percentage.",
        about=(("audience",),),
        read=_audience_size,
        threshold=20,
        threshold_words="Fires beyond a change of (%)",
        hours=24,
        least=1,
        least_words="Compare from this many members",
        has_direction=True,
    ),
    KindFacts(
        kind=Kind.COMPUTE_FAILED,
        text="Fires when an audience cannot be computed.",
        about=(("audience",), ()),
        read=_compute_failed,
    ),
    KindFacts(
        kind=Kind.SOURCE_VOLUME,
        text="Fires when what a source sends changes by more than a percentage against the period before.",
        about=(("source",),),
        read=_source_volume,
        threshold=50,
        threshold_words="Fires beyond a change of (%)",
        hours=24,
        least=20,
        least_words="Compare from this many messages in the period before",
        has_direction=True,
    ),
    KindFacts(
        kind=Kind.WAREHOUSE_FAILED,
        text="Fires when Engage's calls cannot be written to a warehouse.",
        about=(("warehouse",), ()),
        read=_warehouse_failed,
    ),
)
KINDS = {facts.kind: facts for facts in _FACTS}
