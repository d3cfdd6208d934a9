from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.mapping.fields import Clause, Condition, Field
from engine.mapping.payload import PayloadError, prepare_payload
from engine.mapping.quick_payload import compile_payload

KEYS = ("a", "b", "c", "d")
NUMBERS = st.one_of(st.integers(-5, 5), st.floats(-5, 5), st.just(float("nan")), st.just(float("inf")))
TEXTS = st.sampled_from(["", "x", "a@b.co", "true", "7", "2024-01-31", "http://a.b", "naïve", "long enough text"])
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)),
    max_leaves=6,
)
CONDITIONS = st.builds(
    Condition,
    clauses=st.lists(
        st.builds(Clause, field=st.sampled_from(KEYS), operator=st.sampled_from(["is", "is_not"])),
        min_size=1,
        max_size=2,
    ).map(tuple),
    match=st.sampled_from(["all", "any"]),
)


def field(key: str, draw: Any, *, is_inner: bool = False) -> Field:
    kind = draw(st.sampled_from(["string", "text", "number", "integer", "boolean", "datetime", "object"]))
    properties = None
    if kind == "object" and not is_inner and draw(st.booleans()):
        properties = tuple(field(one, draw, is_inner=True) for one in KEYS[:2])
    return Field(
        key=key,
        label=key,
        type=kind,
        multiple=draw(st.integers(0, 3)) == 0,
        required=draw(st.one_of(st.booleans(), CONDITIONS)) if draw(st.integers(0, 2)) == 0 else False,
        choices=("x", "true", 1) if draw(st.integers(0, 4)) == 0 else None,
        format=draw(st.sampled_from([None, None, "email", "uri", "date"])),
        minimum=draw(st.sampled_from([None, None, 0, 2])),
        maximum=draw(st.sampled_from([None, None, 0, 4])),
        properties=properties,
        additional_properties=draw(st.booleans()),
        allow_null=draw(st.integers(0, 3)) == 0,
    )


@st.composite
def tables(draw: Any) -> tuple[Field, ...]:
    return tuple(field(key, draw) for key in draw(st.lists(st.sampled_from(KEYS), unique=True, max_size=4)))


def outcome(act: Any) -> tuple[str, Any]:
    try:
        return "made", repr(act())
    except PayloadError as error:
        return "refused", [(problem.path, problem.message) for problem in error.problems]


@given(tables(), st.one_of(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4), SCALARS), st.booleans())
def test_the_compiled_way_agrees_with_the_rules(fields: tuple[Field, ...], payload: Any, is_batch: bool) -> None:
    quick = compile_payload(fields, is_batch=is_batch)

    assert outcome(lambda: quick(payload)) == outcome(lambda: prepare_payload(payload, fields, is_batch=is_batch))


def test_what_is_right_is_taken_over_without_a_copy_of_its_objects() -> None:
    traits = {"plan": "pro"}
    quick = compile_payload((Field(key="traits", label="Traits", type="object"), Field(key="id", label="ID")))

    made = quick({"traits": traits, "id": "u1", "other": 1, "gone": None})

    assert made == {"traits": traits, "id": "u1"}
    assert made["traits"] is traits
