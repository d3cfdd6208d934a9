"""Journeys in sentences: one step, a whole journey, and what differs between two versions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from engine.conditions.nodes import Duration
from engine.journeys import durations
from engine.journeys.definition import JourneyDefinition, after_json
from engine.journeys.steps.base import ENTRY, After, Step
from engine.journeys.steps.connections import StepConnection

CHANGED, ADDED, REMOVED, MOVED = "changed", "added", "removed", "moved"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing that differs. `step` is the id of the step, "entry", or None for the journey.

    `kind` is added, removed, moved or changed. `alters_people`: people who wait at the step would be treated otherwise
    (a rename or another destination does not).
    """

    step: str | None
    kind: str
    sentence: str
    alters_people: bool = False


def describe_step(step: Step, definition: JourneyDefinition) -> str:
    """What a step does, with its name if it has one, such as: “Bought?” - Split in two: …"""
    if (target := step.target()) and definition.step(target) is not None:
        return f"Go on to “{_title_of(target, definition)}”"
    name = step.name.strip()
    return f"“{name}”: {step.sentence()}" if name else step.sentence()


def describe_journey(definition: JourneyDefinition) -> list[str]:
    """The journey from its entry to its last step, a sentence each, in the order of the definition."""
    history = ", also those who did before publication" if definition.entry.use_historical else ""
    sentences = [f"Entry: users who {definition.entry.setting.words()}{history}."]
    sentences += [f"{_place(definition, step)}: {describe_step(step, definition)}." for step in definition.steps]
    if definition.exit_setting is not None:
        sentences.append(f"Everybody leaves {durations.in_words(definition.exit_setting)} after entering.")
    if definition.reentry_setting is not None:
        sentences.append(f"People may enter again {durations.in_words(definition.reentry_setting)} after leaving.")
    return sentences


def differences(before: JourneyDefinition, after: JourneyDefinition) -> list[Difference]:
    """All that differs, in the order of the journey; steps are the same if their ids are."""
    old = {step.id: step for step in before.steps}
    new = {step.id: step for step in after.steps}
    found = _settings_differences(before, after) + _entry_differences(before, after)
    for step in after.steps:
        if step.id not in old or old[step.id].type != step.type:
            sentence = f"Added {describe_step(step, after)} {_inside(_place(after, step))}."
            found.append(Difference(step=step.id, kind=ADDED, sentence=sentence))
        else:
            found += _step_differences(old[step.id], step, before, after)
    for step in before.steps:
        if step.id not in new or new[step.id].type != step.type:
            found.append(
                Difference(
                    step=step.id, kind=REMOVED, sentence=f"Removed {describe_step(step, before)}.", alters_people=True
                )
            )
    return found


def describe_changes(
    before: JourneyDefinition, after: JourneyDefinition, destinations: Mapping[str, str] | None = None
) -> list[str]:
    """The sentences of `differences`, with destinations called by their names (public id to name)."""
    return [named(difference.sentence, destinations or {}) for difference in differences(before, after)]


def named(sentence: str, destinations: Mapping[str, str]) -> str:
    """The sentence with the ids of destinations replaced by their names."""
    for public_id, name in destinations.items():
        sentence = sentence.replace(f"“{public_id}”", f"“{name}”")
    return sentence


def _settings_differences(before: JourneyDefinition, after: JourneyDefinition) -> list[Difference]:
    pairs = [
        ("name", before.name, after.name),
        ("exit time", _or_off(before.exit_setting), _or_off(after.exit_setting)),
        ("re-entry time", _or_off(before.reentry_setting), _or_off(after.reentry_setting)),
    ]
    return [
        Difference(step=None, kind=CHANGED, sentence=f"The journey: {label} changed {_from_to(old, new)}.")
        for label, old, new in pairs
        if old != new
    ]


def _entry_differences(before: JourneyDefinition, after: JourneyDefinition) -> list[Difference]:
    old, new = before.entry, after.entry
    pairs = [
        ("name", old.name, new.name),
        ("condition", old.setting.words(), new.setting.words()),
        ("historical data", _on(old.use_historical), _on(new.use_historical)),
    ]
    found = [
        Difference(step=ENTRY, kind=CHANGED, sentence=f"Entry: {label} changed {_from_to(one, other)}.")
        for label, one, other in pairs
        if one != other
    ]
    if old.setting.raw != new.setting.raw and old.setting.words() == new.setting.words():
        found.append(Difference(step=ENTRY, kind=CHANGED, sentence="Entry: details of the condition changed."))
    return found


def _step_differences(
    old: Step, new: Step, earlier: JourneyDefinition, definition: JourneyDefinition
) -> list[Difference]:
    title = old.title() if not old.target() else "Connect to existing step"
    found = []
    if old.after != new.after:
        sentence = f"Moved “{title}” {_inside(_place(definition, new))}."
        found.append(Difference(step=new.id, kind=MOVED, sentence=sentence, alters_people=True))
    before, after = _facts(old, earlier), _facts(new, definition)
    was, now = old.facts(), new.facts()
    for label in now:
        if was.get(label, "") != now[label]:
            sentence = f"“{title}”: {label} changed {_from_to(before.get(label, ''), after[label])}."
            is_text = "name" in label
            found.append(Difference(step=new.id, kind=CHANGED, sentence=sentence, alters_people=not is_text))
    found += _connection_differences(title, old, new)
    if not found and old != new:
        sentence = f"“{title}”: details changed."
        found.append(Difference(step=new.id, kind=CHANGED, sentence=sentence, alters_people=True))
    return found


def _facts(step: Step, definition: JourneyDefinition) -> dict[str, str]:
    """The facts of a step, with the step that it goes on to by its title."""
    target = step.target()
    return step.facts() if not target else {**step.facts(), "target": _title_of(target, definition)}


def _title_of(step_id: str, definition: JourneyDefinition) -> str:
    step = definition.step(step_id)
    return step_id if step is None else step.title()


def _connection_differences(title: str, old: Step, new: Step) -> list[Difference]:
    before, after = _connections(old), _connections(new)
    sentences = [f"“{title}”: connected “{name}”." for name in after if name not in before]
    sentences += [f"“{title}”: no longer connected to “{name}”." for name in before if name not in after]
    for name in after:
        if name in before and before[name] != after[name]:
            one, other = before[name].as_json(), after[name].as_json()
            keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
            changed = ", ".join(f"{key.replace('_', ' ')} {_value(other.get(key))}" for key in keys)
            sentences.append(f"“{title}”: settings of “{name}” changed ({changed}).")
    return [Difference(step=new.id, kind=CHANGED, sentence=sentence) for sentence in sentences]


def _connections(step: Step) -> dict[str, StepConnection]:
    return {connection.destination: connection for connection in getattr(step, "connections", ())}


def _place(definition: JourneyDefinition, step: Step) -> str:
    after = step.after
    if after is None:
        return "Nowhere"
    if after.step == ENTRY:
        return "After the entry"
    parent = definition.step(after.step)
    if parent is None:
        return f"After {json.dumps(after_json(after))}"
    branch = _branch_name(parent, after)
    return f"After “{parent.title()}”" + (f", branch {branch}" if branch else "")


def _inside(place: str) -> str:
    return place[0].lower() + place[1:]


def _branch_name(parent: Step, after: After) -> str:
    names = {branch.id: branch.name.strip() or branch.id for branch in parent.branches()}
    return "" if after.branch is None else names.get(after.branch, after.branch)


def _value(value: object) -> str:
    if isinstance(value, bool):
        return _on(value)
    return "back to the default" if value is None else str(value) if isinstance(value, str) else json.dumps(value)


def _on(flag: bool) -> str:
    return "on" if flag else "off"


def _or_off(setting: Duration | None) -> str:
    return "off" if setting is None else durations.in_words(setting)


def _from_to(old: str, new: str) -> str:
    return f"from {_quoted(old)} to {_quoted(new)}"


def _quoted(text: str) -> str:
    """In quotation marks, unless it has some of its own."""
    if not text:
        return "nothing"
    return text if "“" in text else f"“{text}”"
