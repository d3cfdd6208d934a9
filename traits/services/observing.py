"""Makes a trait known to type-ahead, with its most common values, as the traits of calls are."""

from __future__ import annotations

import json
from datetime import datetime

from engine.conditions.operators import kind_of
from engine.traits import KINDS
from profiles.models import ObservedField
from traits.models import Trait
from traits.selectors.values import common_values
from traits.services.sql_columns import columns_of

MOST_SAMPLES = 10
LONGEST_SAMPLE = 200
TYPES = {"number": "number", "list": "array"}


def observe(trait: Trait, *, now: datetime) -> None:
    """Write what was seen of the trait: its type and up to ten of its values, the most common first.

    A SQL trait is seen under each of its columns.
    """
    for column in columns_of(trait) or [""]:
        samples = [each.value for each in common_values(trait, limit=MOST_SAMPLES, column=column)]
        ObservedField.objects.update_or_create(
            space_id=trait.space_id,
            scope="trait",
            event_type=trait.collection,
            event_name="",
            path=column or trait.key,
            defaults={
                "value_type": _type(trait, samples),
                "samples": [sample for sample in samples if len(json.dumps(sample)) <= LONGEST_SAMPLE],
                "last_seen_at": now,
            },
        )


def _type(trait: Trait, samples: list[object]) -> str:
    value_type = KINDS[trait.kind].value_type
    return TYPES.get(value_type) or (kind_of(samples[0]) if samples else "string")
