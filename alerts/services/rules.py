"""Making, changing and removing alert rules. Who made a rule may change it, and workspace owners."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from alerts.kinds import KINDS, KindFacts
from alerts.models import TARGETS, AlertMessage, AlertRule, Direction, Kind
from alerts.tasks import evaluate
from common.errors import FieldError, InvalidError, NotAllowedError
from common.secrets import decrypt, encrypt
from common.tasks import enqueue
from spaces import audit
from spaces.models import Member, Role, Space, User

MOST_EMAILS = 10
LONGEST_HOURS = 24 * 14
CHANGEABLE = ("threshold", "direction", "hours", "least", "emails", "webhook_url", "in_app", "is_enabled")
WHOM = "Say whom to tell: an e-mail address, a webhook, or the bell in the app."


class NotYoursError(NotAllowedError):
    """Somebody else's rule."""

    code: ClassVar[str] = "permission_denied"


@transaction.atomic
def create_rule(*, space: Space, actor: User | None, kind: str, values: Mapping[str, Any]) -> AlertRule:
    """`values`: members of CHANGEABLE and TARGETS (objects of the space); what is absent takes the kind's default.

    InvalidError names every member that is wrong.
    """
    if kind not in Kind.values:
        raise InvalidError.at("/kind", f"Use one of {', '.join(Kind.values)}.")
    facts = KINDS[Kind(kind)]
    rule = AlertRule(space=space, kind=kind, created_by=actor)
    rule.threshold, rule.hours, rule.least = facts.threshold, facts.hours or 24, facts.least or 1
    for name in TARGETS:
        setattr(rule, name, values.get(name))
    _assign(rule, facts, values, _target_errors(rule, facts))
    rule.save()
    audit.record(space=space, actor=actor, action="alert.created", target=rule, after=state(rule))
    enqueue(evaluate)
    return rule


@transaction.atomic
def update_rule(*, rule: AlertRule, member: Member, values: Mapping[str, Any]) -> AlertRule:
    """Change members of CHANGEABLE. `webhook_url` None keeps the one there is, "" removes it."""
    refuse_others(rule, member)
    locked = _lock(rule)
    before = state(locked)
    _assign(locked, KINDS[Kind(locked.kind)], values, [])
    locked.save()
    audit.record(
        space=locked.space, actor=member.user, action="alert.updated", target=locked, before=before, after=state(locked)
    )
    enqueue(evaluate)
    return locked


@transaction.atomic
def delete_rule(*, rule: AlertRule, member: Member) -> None:
    """Its history stays; messages that wait are not sent any more."""
    refuse_others(rule, member)
    locked = _lock(rule)
    AlertMessage.objects.filter(event__rule=locked, state=AlertMessage.State.WAITING).update(
        state=AlertMessage.State.FAILED, error="The rule was deleted before this was sent."
    )
    audit.record(space=locked.space, actor=member.user, action="alert.deleted", target=locked, before=state(locked))
    locked.delete()


def may_change(rule: AlertRule, member: Member) -> bool:
    return member.role == Role.OWNER or (rule.created_by_id is not None and rule.created_by_id == member.user_id)


def refuse_others(rule: AlertRule, member: Member) -> None:
    if not may_change(rule, member):
        raise NotYoursError("Only the person who made an alert, or a workspace owner, may change it.")


def webhook_url(rule: AlertRule) -> str:
    return str(decrypt(rule.webhook).get("url", ""))


def webhook_host(rule: AlertRule) -> str:
    """What may be shown of the webhook's address: the rest of it is a secret."""
    return urlsplit(webhook_url(rule)).hostname or "" if rule.webhook else ""


def state(rule: AlertRule) -> dict[str, Any]:
    return {
        "kind": rule.kind,
        "about": rule.name,
        "threshold": rule.threshold,
        "direction": rule.direction,
        "hours": rule.hours,
        "least": rule.least,
        "emails": rule.emails,
        "webhook_host": webhook_host(rule),
        "in_app": rule.in_app,
        "is_enabled": rule.is_enabled,
    }


def _lock(rule: AlertRule) -> AlertRule:
    locked: AlertRule = (
        AlertRule.objects.select_for_update(of=("self",)).select_related("space__workspace", *TARGETS).get(pk=rule.pk)
    )
    return locked


def _target_errors(rule: AlertRule, facts: KindFacts) -> list[FieldError]:
    given = tuple(sorted(name for name in TARGETS if getattr(rule, name) is not None))
    if given in [tuple(sorted(one)) for one in facts.about]:
        return []
    choices = " or ".join(" and ".join(one) if one else "nothing" for one in facts.about)
    path = f"/{next((one[0] for one in facts.about if one), given[0] if given else 'kind')}"
    return [FieldError(path=path, code="invalid", detail=f"This alert watches {choices}. Choose it.")]


def _assign(rule: AlertRule, facts: KindFacts, values: Mapping[str, Any], errors: list[FieldError]) -> None:
    """Take the values over; InvalidError with all that is wrong."""
    for name in CHANGEABLE:
        if name in values and name not in {"emails", "webhook_url"} and values[name] is not None:
            setattr(rule, name, values[name])
    if facts.threshold is not None and not 0 < (rule.threshold or 0) <= 10_000:
        errors.append(FieldError(path="/threshold", code="out_of_range", detail="Use a percentage above 0."))
    if facts.kind == Kind.DELIVERY_RATE and (rule.threshold or 0) > 100:
        errors.append(FieldError(path="/threshold", code="out_of_range", detail="Use a percentage up to 100."))
    if not 1 <= rule.hours <= LONGEST_HOURS:
        errors.append(FieldError(path="/hours", code="out_of_range", detail=f"Use 1 to {LONGEST_HOURS} hours."))
    if not 0 <= rule.least <= 1_000_000_000:
        errors.append(FieldError(path="/least", code="out_of_range", detail="Use a number up to 1,000,000,000."))
    if rule.direction not in Direction.values:
        detail = f"Use one of {', '.join(Direction.values)}."
        errors.append(FieldError(path="/direction", code="invalid", detail=detail))
    if values.get("emails") is not None:
        rule.emails = _emails(values["emails"], errors)
    if values.get("webhook_url") is not None:
        _take_webhook(rule, str(values["webhook_url"]).strip(), errors)
    if not (rule.emails or rule.webhook or rule.in_app) and not errors:
        errors.append(FieldError(path="/in_app", code="required", detail=WHOM))
    if errors:
        many = f"{len(errors)} fields are not valid."
        raise InvalidError(errors[0].detail if len(errors) == 1 else many, errors)


def _emails(given: Any, errors: list[FieldError]) -> list[str]:
    found = list(dict.fromkeys(str(one).strip() for one in given if str(one).strip()))
    for one in found:
        try:
            validate_email(one)
        except ValidationError:
            errors.append(FieldError(path="/emails", code="invalid", detail=f"{one} is not an e-mail address."))
    if len(found) > MOST_EMAILS:
        errors.append(FieldError(path="/emails", code="too_many", detail=f"Use at most {MOST_EMAILS} addresses."))
    if found and not settings.ENGAGE_SMTP_URL:
        detail = "This installation has no mail server: its operator has to set ENGAGE_SMTP_URL."
        errors.append(FieldError(path="/emails", code="not_available", detail=detail))
    return found


def _take_webhook(rule: AlertRule, url: str, errors: list[FieldError]) -> None:
    parts = urlsplit(url) if url else None
    if parts is not None and (parts.scheme not in {"http", "https"} or not parts.hostname or len(url) > 2000):
        detail = "Use an address that begins with https://, such as the one that Slack gives."
        errors.append(FieldError(path="/webhook_url", code="invalid", detail=detail))
        return
    rule.webhook = encrypt({"url": url}) if url else b""
