"""A journey as JSON (definitions.md §3) and as data; incomplete drafts are data too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from engine.conditions.nodes import Condition, Duration
from engine.journeys import durations
from engine.journeys.errors import DefinitionError
from engine.journeys.reading import Reader, json_problems
from engine.journeys.steps import STEP_TYPE, STEP_TYPES
from engine.journeys.steps.base import ENTRY, After, Step
from engine.journeys.steps.condition_setting import ConditionSetting

VERSION = 1
MOST_STEPS_READ = 1_000
KEYS = ("version", "name", "settings", "entry", "steps")
SETTINGS_KEYS = ("exit_after", "reentry_after")
ENTRY_KEYS = ("name", "condition", "use_historical")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The entry condition; `use_historical`: events received before publication count for it."""

    name: str = ""
    setting: ConditionSetting = field(default_factory=ConditionSetting)
    use_historical: bool = True

    @property
    def condition(self) -> Condition | None:
        """None while it is not complete."""
        return self.setting.condition


@dataclass(frozen=True, kw_only=True)
class JourneyDefinition:
    """`exit_setting` and `reentry_setting` are as written, `exit_after` and `reentry_after` how long that is."""

    name: str = ""
    exit_setting: Duration | None = None
    reentry_setting: Duration | None = None
    entry: Entry = field(default_factory=Entry)
    steps: tuple[Step, ...] = ()

    @property
    def exit_after(self) -> timedelta | None:
        return durations.span_or_none(self.exit_setting)

    @property
    def reentry_after(self) -> timedelta | None:
        return durations.span_or_none(self.reentry_setting)

    def step(self, step_id: str) -> Step | None:
        """The step of that id; None for the entry and unknown ids."""
        return next((step for step in self.steps if step.id == step_id), None)

    def condition(self, step_id: str) -> Condition | None:
        """The condition of a step, or of the entry."""
        if step_id == ENTRY:
            return self.entry.condition
        step = self.step(step_id)
        return None if step is None else step.judges()


def read(definition: Any) -> JourneyDefinition:
    """The journey of `{"version": 1, "name", "settings", "entry", "steps"}`; everything but the version may be missing.

    What is missing or unfinished is kept so (`problems.check` tells about it). Raises DefinitionError with all problems
    for what is no journey: unknown keys and types, wrong JSON types, ids that are bad or there twice, no JSON.
    """
    reader = Reader()
    reader.problems += json_problems(definition)
    is_too_deep = any(problem.code == "too_deep" for problem in reader.problems)
    found = JourneyDefinition() if is_too_deep else _journey(reader, definition)
    if reader.problems:
        raise DefinitionError(_once(reader))
    return found


def canonical(definition: JourneyDefinition) -> dict[str, Any]:
    """The JSON with its keys in the order of definitions.md, without the read-only "key"s and optional defaults.

    `canonical(read(canonical(d))) == canonical(d)`, also in the order of all keys, whatever order storage gave them.
    """
    return {
        "version": VERSION,
        "name": definition.name,
        "settings": {
            "exit_after": durations.as_json(definition.exit_setting),
            "reentry_after": durations.as_json(definition.reentry_setting),
        },
        "entry": {
            "name": definition.entry.name,
            "condition": definition.entry.setting.raw,
            "use_historical": definition.entry.use_historical,
        },
        "steps": [step_json(step) for step in definition.steps],
    }


def step_json(step: Step) -> dict[str, Any]:
    """One step as it is in the list of steps."""
    return {"id": step.id, "type": step.type, "after": after_json(step.after), **step.data()}


def after_json(after: After | None) -> str | dict[str, str] | None:
    """`"entry"`, a step id, `{"step", "branch"}`, or null for a step that hangs nowhere."""
    if after is None or after.branch is None:
        return None if after is None else after.step
    return {"step": after.step, "branch": after.branch}


def _journey(reader: Reader, raw: Any) -> JourneyDefinition:
    if not isinstance(raw, Mapping):
        reader.problem("", "wrong_type", 'A journey is an object such as {"version": 1, "name": "Welcome", …}.')
        return JourneyDefinition()
    reader.known_keys(raw, "", KEYS)
    version = raw.get("version")
    if type(version) is not int or version != VERSION:
        reader.problem("/version", "unknown_version", f"Set the version to {VERSION}; no other exists.")
    settings = _object(reader, raw, "settings", SETTINGS_KEYS)
    entry = _object(reader, raw, "entry", ENTRY_KEYS)
    return JourneyDefinition(
        name=reader.optional_text(raw, "", "name"),
        exit_setting=reader.optional_duration(settings, "/settings", "exit_after"),
        reentry_setting=reader.optional_duration(settings, "/settings", "reentry_after"),
        entry=Entry(
            name=reader.optional_text(entry, "/entry", "name"),
            setting=ConditionSetting.read(reader, entry, "/entry"),
            use_historical=reader.optional_flag(entry, "/entry", "use_historical", default=True),
        ),
        steps=_steps(reader, raw),
    )


def _object(reader: Reader, raw: Mapping[str, Any], key: str, known: tuple[str, ...]) -> Mapping[str, Any]:
    value = raw.get(key)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        reader.problem(f"/{key}", "wrong_type", f'"{key}" is an object with: {", ".join(known)}.')
        return {}
    reader.known_keys(value, f"/{key}", known)
    return value


def _steps(reader: Reader, raw: Mapping[str, Any]) -> tuple[Step, ...]:
    found: list[Step] = []
    seen: set[str] = set()
    for item, path in reader.objects(raw, "", "steps", most=MOST_STEPS_READ):
        step = _step(reader, item, path)
        if step is None:
            continue
        if step.id == ENTRY:
            reader.problem(f"{path}/id", "invalid_id", '"entry" is the id of the entry; give the step another one.')
        elif step.id in seen and step.id:
            reader.problem(f"{path}/id", "duplicate_id", f"There is another step {step.id}; give it its own id.")
        seen.add(step.id)
        found.append(step)
    return tuple(found)


def _step(reader: Reader, raw: Mapping[str, Any], path: str) -> Step | None:
    type_name = raw.get("type")
    step_type = STEP_TYPE.get(type_name) if isinstance(type_name, str) else None
    step_id = reader.identifier(raw, path, "id", "the id of the step")
    after = _after(reader, raw, path)
    if step_type is None:
        names = ", ".join(known.type for known in STEP_TYPES)
        reader.problem(f"{path}/type", "unknown_step_type", f"The type of a step is one of: {names}.")
        return None
    given = ("key",) if step_type.has_key else ()
    reader.known_keys(raw, path, ("id", "type", "after", *step_type.keys, *given))
    return step_type.read(reader, raw, path, {"id": step_id, "after": after})


def _after(reader: Reader, raw: Mapping[str, Any], path: str) -> After | None:
    value = raw.get("after")
    place = f"{path}/after"
    if value is None:
        return None
    if isinstance(value, str):
        return After(step=reader.identifier(raw, path, "after", '"entry" or the id of a step'))
    if isinstance(value, Mapping):
        reader.known_keys(value, place, ("step", "branch"))
        step = reader.identifier(value, place, "step", "the id of the step that branches")
        return After(step=step, branch=reader.identifier(value, place, "branch", "the id of the branch"))
    reader.problem(place, "wrong_type", '"after" is "entry", a step id, or {"step": id, "branch": id}.')
    return None


def _once(reader: Reader) -> list[Any]:
    """The JSON check and a reader may both object to one character."""
    return list({(problem.path, problem.code): problem for problem in reader.problems}.values())
