"""What a condition looks at, so that a change elsewhere evaluates it and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from engine.conditions.nodes import (
    AllNode,
    AnyNode,
    AudienceNode,
    Child,
    Condition,
    EventNode,
    IdentifierNode,
    Node,
    NotNode,
    ParentProperty,
    Test,
    TraitNode,
    TraitValue,
)


@dataclass(frozen=True, kw_only=True)
class Mentions:
    """`events`: (type, name), name None for any page or screen. `traits`: top-level keys. `audiences`: as written."""

    events: frozenset[tuple[str, str | None]]
    traits: frozenset[str]
    audiences: frozenset[str]
    identifiers: frozenset[str]


def mentions(condition: Condition) -> Mentions:
    """Everything the condition depends on besides time."""
    nodes = list(walk(condition.where))
    events = [node for node in nodes if isinstance(node, EventNode)]
    children = [node.then for node in events if node.then is not None]
    tests = [node.test for node in nodes if isinstance(node, TraitNode)]
    traits = {test.path[0] for test in tests}
    happenings: list[EventNode | Child] = [*events, *children]
    tests += [test for event in happenings for test in event.properties]
    return Mentions(
        events=frozenset((event.type, event.name) for event in happenings),
        traits=frozenset(
            traits | {operand.path[0] for test in tests if isinstance(operand := test.operand, TraitValue)}
        ),
        audiences=frozenset(node.audience for node in nodes if isinstance(node, AudienceNode)),
        identifiers=frozenset(node.identifier for node in nodes if isinstance(node, IdentifierNode)),
    )


def properties_mentioned(condition: Condition) -> frozenset[tuple[str, str | None, str]]:
    """(event type, event name, dotted property) of every property test."""
    found: set[tuple[str, str | None, str]] = set()
    for node in walk(condition.where):
        if not isinstance(node, EventNode):
            continue
        found |= {(node.type, node.name, ".".join(test.path)) for test in node.properties}
        if node.then is None:
            continue
        for test in node.then.properties:
            found.add((node.then.type, node.then.name, ".".join(test.path)))
            found |= {(node.type, node.name, path) for path in _parent_paths(test)}
    return frozenset(found)


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it, outside in."""
    yield node
    if isinstance(node, AllNode | AnyNode):
        for child in node.children:
            yield from walk(child)
    elif isinstance(node, NotNode):
        yield from walk(node.child)


def _parent_paths(test: Test) -> list[str]:
    return [".".join(test.operand.path)] if isinstance(test.operand, ParentProperty) else []
