"""What people without the right to personal data see of values: masked by the name of the property they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from audiences.selectors.members import masked_person
from engine.traits.sql import SQL
from profiles.masking import MASK, masked
from traits.models import Trait
from traits.selectors.preview import PreviewReport
from traits.selectors.values import Common, Distribution, Valued
from traits.services.sql_columns import columns_of

ALL = "*"


def path_of(definition: Any) -> str:
    """Where the values of a definition come from: a property, or a trait of users; "" for a count.

    ALL for a SQL trait: nobody knows what is in a warehouse, so that all of it is masked (engine-domain.md §5).
    """
    if definition.get("kind") == SQL:
        return ALL
    path = definition.get("property") or definition.get("user_trait")
    return path if isinstance(path, str) else ""


def hidden_columns(space_id: int) -> frozenset[str]:
    """The columns of the SQL traits of a space: masked on profiles as well (W094)."""
    rows = Trait.objects.filter(space_id=space_id, kind=SQL)
    return frozenset(column for trait in rows for column in columns_of(trait))


def shown_values(rows: Sequence[Valued], *, trait: Trait, shows_pii: bool) -> list[Valued]:
    return list(rows) if shows_pii else _valued(rows, path_of(trait.definition))


def shown_common(common: Sequence[Common], *, trait: Trait, shows_pii: bool) -> list[Common]:
    return list(common) if shows_pii else _common(common, path_of(trait.definition))


def shown_distribution(found: Distribution, *, trait: Trait, shows_pii: bool) -> Distribution:
    if shows_pii:
        return found
    path = path_of(trait.definition)
    found = replace(found, common=_common(found.common, path))
    if path != ALL:
        return found
    return replace(found, low=None, high=None, mean=None, middle=None, sum=None, buckets=[])


def masked_value(value: Any, trait: Trait) -> Any:
    """One value as people without the right see it."""
    return _masked(value, path_of(trait.definition))


def shown_report(report: PreviewReport, *, definition: Any, shows_pii: bool) -> PreviewReport:
    if shows_pii:
        return report
    path = path_of(definition)
    distribution = replace(report.distribution, common=_common(report.distribution.common, path))
    return replace(report, sample=_valued(report.sample, path), distribution=distribution)


def _valued(rows: Sequence[Valued], path: str) -> list[Valued]:
    return [replace(row, person=masked_person(row.person), value=_masked(row.value, path)) for row in rows]


def _common(common: Sequence[Common], path: str) -> list[Common]:
    return [replace(each, value=_masked(each.value, path)) for each in common]


def _masked(value: Any, path: str) -> Any:
    if path == ALL:
        return None if value is None else dict.fromkeys(value, MASK) if isinstance(value, dict) else MASK
    name = path.rpartition(".")[2]
    return [masked(item, name) for item in value] if isinstance(value, list) else masked(value, name)
