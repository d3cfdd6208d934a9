"""What the mapping editor shows, from what is stored or was posted: the page and its fragments share it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from common.errors import InvalidError
from destinations.comparing import Comparison, compare
from destinations.drafts import Draft, draft_of
from destinations.enrichment import TraitGroup, sample_values, trait_groups, trait_samples
from destinations.field_rows import FieldRows, field_rows
from destinations.hook_forms import HookForm
from destinations.kit.definition import Action, DestinationDefinition
from destinations.mapping_forms import MappingForm
from destinations.models import Destination
from destinations.models import Mapping as MappingRow
from destinations.previews import Preview, preview
from destinations.recent_events import RecentEvent, recent_events
from destinations.samples import Connected, event_types, sample_event
from destinations.services.tester import new_test_message_id, new_test_user_id, read_event
from engine.fql import validate


@dataclass(kw_only=True)
class Editing:
    """One mapping on the page. `form` has been validated when it is bound; `event_text` is the sample as typed.

    `row` is None for a new mapping. `sample_type` is the entry of `types` that was generated last.
    """

    destination: Destination
    definition: DestinationDefinition
    action: Action
    form: MappingForm
    connected: Connected
    row: MappingRow | None = None
    event_text: str = ""
    event: Mapping[str, Any] = field(default_factory=dict)
    event_error: str = ""
    event_error_line: int = 0
    sample_type: str = ""
    shows_pii: bool = True
    hooks: Sequence[HookForm] = ()

    def __post_init__(self) -> None:
        self.traits = trait_samples(self.destination.space, shows_pii=self.shows_pii)
        self.types = event_types(self.definition, self.connected)

    @property
    def draft(self) -> Draft:
        stored: Mapping[str, Any] = self.row.fields if self.row else hidden_defaults(self.action)
        if self.form.is_bound:
            self.form.is_valid()
            trigger = str(self.form.data.get("trigger", "")).strip()
            fields = self.form.mapping_fields(stored)
        else:
            trigger = str(self.form.initial.get("trigger", ""))
            fields = dict(self.row.fields) if self.row else self.action.default_fields()
        return Draft(
            destination=self.destination,
            action=self.action,
            trigger=trigger,
            fields=fields,
            enrichments=self.form.enrichments,
        )

    @property
    def trait_values(self) -> dict[str, Any]:
        """A sample value for each trait that the draft asks for."""
        return sample_values(self.traits, self.form.enrichments)

    @property
    def trait_keys(self) -> list[str]:
        return list(dict.fromkeys(key for traits in self.traits.values() for key in traits))

    def groups(self) -> list[TraitGroup]:
        return trait_groups(self.traits, self.form.enrichments)

    def read(self, text: str) -> None:
        """Take a sample that a person typed or pasted."""
        self.event_text = text
        try:
            self.event, self.event_error = read_event(text), ""
        except InvalidError as error:
            self.event, self.event_error = {}, error.detail
            self.event_error_line = _line_of(text)

    def generate(self, event_type: str = "") -> None:
        """A sample of that type; without one the first that the trigger takes."""
        types = dict(self.types)
        wanted = [event_type] if event_type in types else list(types)
        trigger = self.draft.trigger
        events = {one: self._generated(one) for one in wanted}
        chosen = next((one for one in wanted if validate(trigger, events[one])), wanted[0])
        self.sample_type = chosen
        self.show(events[chosen])

    def show(self, event: Mapping[str, Any]) -> None:
        self.event, self.event_error = dict(event), ""
        self.event_text = json.dumps(event, indent=2, ensure_ascii=False)

    def preview(self) -> Preview:
        return preview(self.draft, self.event, traits=self.trait_values)

    def rows(self, shown: Preview) -> FieldRows:
        return field_rows(self.form, shown.values)

    def recent(self) -> list[RecentEvent]:
        """The last 20 that match the trigger."""
        return recent_events(self.destination, trigger=self.draft.trigger, shows_pii=self.shows_pii)

    def compare(self) -> list[Comparison]:
        """Against what is stored; a new mapping has nothing to be held against."""
        if self.row is None:
            return []
        return compare(draft_of(self.row, self.action), self.draft, traits=self.trait_values, shows_pii=self.shows_pii)

    def _generated(self, event_type: str) -> dict[str, Any]:
        return sample_event(
            space=self.destination.space,
            definition=self.definition,
            connected=self.connected,
            event_type=event_type,
            test_user_id=new_test_user_id(),
            message_id=new_test_message_id(),
            now=timezone.now(),
        )


def hidden_defaults(action: Action) -> dict[str, Any]:
    """What a new mapping holds of fields that no form shows."""
    return {item.key: item.default for item in action.fields if item.hidden and item.default is not None}


def _line_of(text: str) -> int:
    """The line (from 1) in which JSON breaks; 0 when it is valid and something else is wrong."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.lineno
    except (ValueError, RecursionError):
        return 0
    return 0
