"""Editing the identifier rules of a space (ingestion-and-profiles.md §4.2). Changes apply to new data only."""

from __future__ import annotations

import re
import re._constants as opcodes  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from typing import Any

from django.db import transaction

from common.errors import FieldError, InvalidError
from engine.identity import ACCOUNTS, USERS, default_limit
from profiles.models import IdentifierRule
from profiles.services.identity_rules import forget_identity_rules, store_default_rules
from spaces import audit
from spaces.models import Space, User

MOST_VALUES = 1_000
MOST_BLOCKS = 50
LONGEST_BLOCK = 200
LONGEST_TYPE = 60
TYPE_NAME = re.compile(r"[a-z][a-z0-9_.]*")
TRAIT_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_ .-]{0,119}")
# These two always have one value a profile and cannot come from another place.
BUILT_IN = frozenset({"user_id", "anonymous_id", "group_id"})


@transaction.atomic
def create_rule(
    *,
    space: Space,
    actor: User,
    id_type: str,
    collection: int = USERS,
    value_limit: int = 5,
    period: str = "ever",
    trait_key: str = "",
    blocked_values: list[dict[str, str]] | None = None,
) -> IdentifierRule:
    """A custom identifier type, last in priority. InvalidError with every problem at its field."""
    ensure_rules(space)
    id_type = id_type.strip().lower()
    errors = []
    if not TYPE_NAME.fullmatch(id_type) or len(id_type) > LONGEST_TYPE:
        errors.append(
            _error("id_type", f"Use lower-case letters, digits, _ and dots, at most {LONGEST_TYPE}, e.g. loyalty_id.")
        )
    if collection not in (USERS, ACCOUNTS):
        errors.append(_error("collection", "Choose users or accounts."))
    blocks = blocked_values or []
    errors += _problems(value_limit, period, blocks, trait_key)
    rules = IdentifierRule.objects.select_for_update().filter(space=space, collection=collection)
    existing = list(rules)
    if any(rule.id_type == id_type for rule in existing):
        errors.append(_error("id_type", f"{id_type} is already an identifier here.", "taken"))
    if errors:
        raise InvalidError(errors[0].detail, errors)
    rule = IdentifierRule.objects.create(
        space=space,
        id_type=id_type,
        collection=collection,
        value_limit=value_limit or default_limit(id_type),
        period=period,
        priority=max((other.priority for other in existing), default=0) + 1,
        blocked_values=blocks,
        trait_key=trait_key.strip(),
    )
    audit.record(actor=actor, action="identifier_rule.created", target=rule, space=space, after=_state(rule))
    forget_identity_rules(space.pk)
    return rule


@transaction.atomic
def update_rule(
    *,
    rule: IdentifierRule,
    actor: User,
    value_limit: int,
    period: str,
    blocked_values: list[dict[str, str]],
    trait_key: str = "",
) -> IdentifierRule:
    errors = _problems(value_limit, period, blocked_values, trait_key)
    if errors:
        raise InvalidError(errors[0].detail, errors)
    rule = IdentifierRule.objects.select_for_update().get(pk=rule.pk)
    before = _state(rule)
    rule.value_limit = value_limit
    rule.period = period
    rule.blocked_values = blocked_values
    if rule.id_type not in BUILT_IN:
        rule.trait_key = trait_key.strip()
    if _state(rule) != before:
        rule.save()
        audit.record(
            actor=actor,
            action="identifier_rule.updated",
            target=rule,
            space=rule.space,
            before=before,
            after=_state(rule),
        )
    forget_identity_rules(rule.space_id)
    return rule


@transaction.atomic
def move_rule(*, rule: IdentifierRule, actor: User, up: bool) -> None:
    """Swap the rule with its neighbor in priority; nothing happens at either end."""
    rules = list(
        IdentifierRule.objects.select_for_update()
        .filter(space_id=rule.space_id, collection=rule.collection)
        .order_by("priority", "id_type")
    )
    before = {"order": [other.id_type for other in rules]}
    place = next(index for index, other in enumerate(rules) if other.pk == rule.pk)
    target = place - 1 if up else place + 1
    if not 0 <= target < len(rules):
        return
    rules[place], rules[target] = rules[target], rules[place]
    for priority, other in enumerate(rules, start=1):
        other.priority = priority
    IdentifierRule.objects.bulk_update(rules, ["priority"])
    after = {"order": [other.id_type for other in rules]}
    audit.record(actor=actor, action="identifier_rule.moved", target=rule, space=rule.space, before=before, after=after)
    forget_identity_rules(rule.space_id)


def ensure_rules(space: Space) -> None:
    """The defaults as rows, where the space has none yet."""
    if not IdentifierRule.objects.filter(space=space).exists():
        store_default_rules(space_id=space.pk)


def parse_blocks(text: str) -> list[dict[str, str]]:
    """One value a line; a line between slashes is a regular expression."""
    blocks = []
    for line in text.splitlines():
        value = line.strip()
        if len(value) > 2 and value.startswith("/") and value.endswith("/"):
            blocks.append({"kind": "regex", "value": value[1:-1]})
        elif value:
            blocks.append({"kind": "exact", "value": value})
    return blocks


def format_blocks(blocks: list[dict[str, str]]) -> str:
    return "\n".join(f"/{block['value']}/" if block["kind"] == "regex" else block["value"] for block in blocks)


def _problems(value_limit: int, period: str, blocks: list[dict[str, str]], trait_key: str) -> list[FieldError]:
    errors = []
    if not 1 <= value_limit <= MOST_VALUES:
        errors.append(_error("value_limit", f"The limit must be from 1 to {MOST_VALUES:,}."))
    if period not in IdentifierRule.Period.values:
        errors.append(_error("period", f"The period must be one of {', '.join(IdentifierRule.Period.values)}."))
    if len(blocks) > MOST_BLOCKS:
        errors.append(_error("blocked_values", f"At most {MOST_BLOCKS} blocked values are possible."))
    for block in blocks[:MOST_BLOCKS]:
        if problem := _block_problem(block):
            errors.append(_error("blocked_values", problem))
    if trait_key.strip() and not TRAIT_KEY.fullmatch(trait_key.strip()):
        errors.append(_error("trait_key", "Name a trait or property with letters, digits and _, e.g. loyaltyId."))
    return errors


def _block_problem(block: dict[str, str]) -> str:
    value = block.get("value", "")
    if len(value) > LONGEST_BLOCK:
        return f"“{value[:20]}…” is too long; at most {LONGEST_BLOCK} characters are possible."
    if block.get("kind") != "regex":
        return ""
    try:
        tree = parser.parse(value)
    except (re.error, OverflowError, RecursionError) as error:
        return f"/{value}/ is not a regular expression: {error}."
    # Every identifier of every event is matched, so a pattern that can take exponential time is refused.
    if _nests_repeats(tree, inside=False):
        return f"/{value}/ repeats a repetition, which can take very long. Write it without nested + or *."
    return ""


def _nests_repeats(tree: Any, *, inside: bool) -> bool:
    for opcode, argument in tree:
        if opcode is opcodes.GROUPREF:
            return True
        if opcode in (opcodes.MAX_REPEAT, opcodes.MIN_REPEAT):
            low, high, body = argument
            repeats = high is opcodes.MAXREPEAT or high - low > 20
            if (repeats and inside) or _nests_repeats(body, inside=inside or repeats):
                return True
        elif opcode is opcodes.SUBPATTERN:
            if _nests_repeats(argument[-1], inside=inside):
                return True
        elif opcode is opcodes.BRANCH:
            if any(_nests_repeats(branch, inside=inside) for branch in argument[1]):
                return True
        elif opcode in (opcodes.ASSERT, opcodes.ASSERT_NOT) and _nests_repeats(argument[1], inside=inside):
            return True
    return False


def _error(field: str, detail: str, code: str = "invalid") -> FieldError:
    return FieldError(path=f"/{field}", code=code, detail=detail)


def _state(rule: IdentifierRule) -> dict[str, Any]:
    return {
        "value_limit": rule.value_limit,
        "period": str(rule.period),
        "blocked_values": rule.blocked_values,
        "trait_key": rule.trait_key,
    }
