"""Computed traits among those that calls can carry (F022)."""

from __future__ import annotations

from delivery.services.trait_sources import Option, TraitSource, add_source
from engine.traits import KINDS
from engine.traits.predictions import KIND as PREDICTION
from engine.traits.sql import SQL
from profiles.models import USERS
from spaces.models import Space
from traits.models import Trait
from traits.services.sql_columns import columns_of

MOST = 30
LABELS = {"sql": "SQL traits", "prediction": "Predictive traits"}


def offer() -> None:
    """Called once, when the app is ready."""
    add_source(TraitSource(kind="computed", label="Computed traits", find=_computed))
    add_source(TraitSource(kind=SQL, label=LABELS[SQL], find=_sql))
    add_source(TraitSource(kind=PREDICTION, label=LABELS[PREDICTION], find=_predictions))


def _computed(space: Space, text: str, shows_pii: bool) -> list[Option]:
    rows = Trait.objects.in_space(space).live().filter(collection=USERS)
    if text:
        rows = rows.filter(key__icontains=text) | rows.filter(name__icontains=text)
    return [
        {"value": trait.key, "label": trait.key, "hint": f"{trait.name}, {KINDS[trait.kind].label.lower()}"}
        for trait in rows.exclude(kind__in=LABELS).order_by("key")[:MOST]
    ]


def _sql(space: Space, text: str, shows_pii: bool) -> list[Option]:
    """The columns of SQL traits, each a trait of its own."""
    rows = Trait.objects.in_space(space).live().filter(collection=USERS, kind=SQL).order_by("name", "pk")
    found = [
        {"value": column, "label": column, "hint": f"{trait.name}, {KINDS[SQL].label}"}
        for trait in rows
        for column in columns_of(trait)
        if text.lower() in f"{column} {trait.name}".lower()
    ]
    return sorted(found, key=lambda option: option["value"])[:MOST]


def _predictions(space: Space, text: str, shows_pii: bool) -> list[Option]:
    rows = Trait.objects.in_space(space).live().filter(kind=PREDICTION)
    if text:
        rows = rows.filter(key__icontains=text) | rows.filter(name__icontains=text)
    return [{"value": trait.key, "label": trait.key, "hint": trait.name} for trait in rows.order_by("key")[:MOST]]
