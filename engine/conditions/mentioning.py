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
    JourneyStepNode,
    Node,
    NotNode,
    ParentProperty,
    Test,
    TraitNode,
    TraitValue,
    UsersNode,
)


@dataclass(frozen=True, kw_only=True)
class Mentions:
    """`events`: (type, name), name None for any page or screen. `traits`: top-level keys.

    `audiences` and `journey_steps`: as written. What the users of accounts are asked is mentioned too.
    """

    events: frozenset[tuple[str, str | None]]
    traits: frozenset[str]
    audiences: frozenset[str]
    identifiers: frozenset[str]
    journey_steps: frozenset[str] = frozenset()


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
        journey_steps=frozenset(node.step for node in nodes if isinstance(node, JourneyStepNode)),
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
    elif isinstance(node, UsersNode):
        yield from walk(node.match)


def places(condition: Condition) -> Iterator[tuple[str, Node, str]]:
    """(JSON pointer, node, collection of whom it is asked) of the whole tree, outside in."""
    yield from _places(condition.where, "/where", condition.collection)


def _places(node: Node, path: str, collection: str) -> Iterator[tuple[str, Node, str]]:
    yield path, node, collection
    match node:
        case AllNode() | AnyNode():
            key = "all" if isinstance(node, AllNode) else "any"
            for index, child in enumerate(node.children):
                yield from _places(child, f"{path}/{key}/{index}", collection)
        case NotNode():
            yield from _places(node.child, f"{path}/not", collection)
        case UsersNode():
            yield from _places(node.match, path if node.is_implied else f"{path}/match", "users")


def _parent_paths(test: Test) -> list[str]:
    return [".".join(test.operand.path)] if isinstance(test.operand, ParentProperty) else []
