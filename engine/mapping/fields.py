"""What a connector declares about one setting or payload member (spec: connectors, section 2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any, Literal, cast, get_args

FieldType = Literal["string", "text", "number", "integer", "boolean", "datetime", "object", "password"]
FIELD_TYPES: frozenset[str] = frozenset(get_args(FieldType))

# "value" absent from a clause asks for presence; None cannot say that, null being a value a mapping may hold.
ABSENT: Any = type("_Absent", (), {"__repr__": lambda _self: "ABSENT", "__bool__": lambda _self: False})()


@dataclass(frozen=True, kw_only=True)
class Clause:
    """`field` (a key, or `parent.child`) is, or is not, `value`; without a value: is missing, or is present."""

    field: str
    operator: Literal["is", "is_not"] = "is"
    value: Any = ABSENT


@dataclass(frozen=True, kw_only=True)
class Condition:
    """All (or any) of `clauses` hold: says when a field is required, or shown."""

    clauses: tuple[Clause, ...]
    match: Literal["all", "any"] = "all"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One value a field may take, and the words it is shown with."""

    value: Any
    label: str


@dataclass(frozen=True, kw_only=True)
class Field:
    """One setting or payload member.

    `default` is a mapping value (directives allowed) that prefills a new mapping; it is never applied to a
    payload. `choices` are plain values or `Choice`s. `dynamic` fetches the choices from the vendor.
    `minimum`/`maximum` bound the length of texts and the value of numbers. `properties` are the members of
    an object; an object without them is free-form. `depends_on` says when a form shows the field.
    """

    key: str
    label: str
    type: FieldType = "string"
    description: str = ""
    multiple: bool = False
    required: bool | Condition = False
    choices: tuple[Any, ...] | None = None
    default: Any = dataclass_field(default=None, hash=False)
    format: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    properties: tuple[Field, ...] | None = None
    additional_properties: bool = False
    allow_null: bool = False
    dynamic: bool = False
    depends_on: Condition | None = None
    hidden: bool = False
    secret: bool = False
    placeholder: str = ""

    def __post_init__(self) -> None:
        if self.type not in FIELD_TYPES:
            raise ValueError(
                f"Field {self.key!r} has the unknown type {self.type!r}. Use one of {sorted(FIELD_TYPES)}."
            )

    @property
    def choice_values(self) -> tuple[Any, ...] | None:
        """The plain values of `choices`; None when any value will do."""
        if self.choices is None:
            return None
        return tuple(choice.value if isinstance(choice, Choice) else choice for choice in self.choices)

    @property
    def is_secret(self) -> bool:
        """Whether the value is stored encrypted and never shown again."""
        return self.secret or self.type == "password"


def condition_from_json(data: Mapping[str, Any]) -> Condition:
    """Read `{"match": "all"|"any", "conditions": [{"fieldKey", "operator", "value"?}]}`."""
    return Condition(
        match="any" if data.get("match") == "any" else "all",
        clauses=tuple(
            Clause(
                field=clause["fieldKey"],
                operator="is_not" if clause.get("operator") == "is_not" else "is",
                value=clause.get("value", ABSENT),
            )
            for clause in data.get("conditions", ())
        ),
    )


def field_from_json(key: str, data: Mapping[str, Any]) -> Field:
    """Read the JSON shape of a field table (`allowNull`, `additionalProperties`, `fieldKey` …)."""
    required = data.get("required", False)
    choices = data.get("choices")
    properties = data.get("properties")
    return Field(
        key=key,
        label=data.get("label", key),
        type=cast(FieldType, data.get("type", "string")),
        description=data.get("description", ""),
        multiple=bool(data.get("multiple", False)),
        required=condition_from_json(required) if isinstance(required, Mapping) else bool(required),
        choices=None if choices is None else tuple(_choice(choice) for choice in choices),
        default=data.get("default"),
        format=data.get("format"),
        minimum=data.get("minimum"),
        maximum=data.get("maximum"),
        properties=None if properties is None else fields_from_json(properties),
        additional_properties=bool(data.get("additionalProperties", False)),
        allow_null=bool(data.get("allowNull", False)),
        dynamic=bool(data.get("dynamic", False)),
        hidden=bool(data.get("unsafe_hidden", data.get("hidden", False))),
        placeholder=data.get("placeholder", ""),
    )


def fields_from_json(table: Mapping[str, Mapping[str, Any]]) -> tuple[Field, ...]:
    """Read a whole field table, key -> field."""
    return tuple(field_from_json(key, data) for key, data in table.items())


def _choice(data: Any) -> Any:
    if isinstance(data, Mapping):
        return Choice(value=data["value"], label=data.get("label", str(data["value"])))
    return data
