"""A condition in plain English, for lists, review pages and explain."""

from __future__ import annotations

from decimal import Decimal

from engine.conditions.nodes import (
    AllNode,
    AnyNode,
    AudienceNode,
    Before,
    Between,
    Child,
    Condition,
    Constant,
    ConstantList,
    Count,
    Duration,
    EventNode,
    IdentifierNode,
    Instant,
    JourneyStepNode,
    Node,
    NotNode,
    ParentProperty,
    Presence,
    Since,
    Test,
    TraitNode,
    TraitValue,
    UsersNode,
    Window,
    Within,
)

PHRASES = {
    "equals": "is {}",
    "not_equals": "is not {}",
    "less_than": "is less than {}",
    "greater_than": "is greater than {}",
    "less_or_equal": "is at most {}",
    "greater_or_equal": "is at least {}",
    "any_of": "is any of {}",
    "contains": "contains {}",
    "not_contains": "does not contain {}",
    "contains_any_of": "contains any of {}",
    "starts_with": "starts with {}",
    "ends_with": "ends with {}",
    "before_date": "is before {}",
    "after_date": "is after {}",
    "within_last": "is within the last {}",
    "within_next": "is within the next {}",
    "before_last": "is more than {} ago",
    "after_next": "is more than {} ahead",
}
MOST_VALUES_SHOWN = 5


def describe(condition: Condition) -> str:
    """One sentence, such as: Users who performed "Order Completed" at least 2 times within the last 30 days."""
    who = "Users who" if condition.collection == "users" else "Accounts that"
    back = condition.look_back
    only = "" if back is None else f", counting only events of the last {_duration(back)}"
    return f"{who} {sentence_of(condition.where)}{only}."


def sentence_of(node: Node) -> str:  # noqa: PLR0911 - one a kind of node
    """The predicate of one node, without capital or full stop."""
    match node:
        case AllNode():
            return _joined(node.children, "and")
        case AnyNode():
            return _joined(node.children, "or")
        case NotNode():
            return f"not ({sentence_of(node.child)})"
        case EventNode():
            return _event(node)
        case TraitNode():
            return f"have a trait {words_of_test(node.test, 'that ')}"
        case AudienceNode():
            return f"{'are' if node.member else 'are not'} part of the audience {_quoted(node.audience)}"
        case JourneyStepNode():
            return f"{'are' if node.member else 'are not'} in the journey step {_quoted(node.step)}"
        case UsersNode():
            return _users(node)
        case IdentifierNode():
            return f"{'have' if node.exists else 'do not have'} an identifier {_quoted(node.identifier)}"


def _users(node: UsersNode) -> str:
    inner = sentence_of(node.match)
    if isinstance(node.match, AllNode | AnyNode) and len(node.match.children) > 1:
        inner = f"({inner})"
    who = {"any": "have users, any of whom", "all": "have users, all of whom", "none": "have no users who"}
    return f"{who[node.quantifier]} {inner}"


def _joined(children: tuple[Node, ...], word: str) -> str:
    parts = [
        f"({sentence_of(child)})"
        if isinstance(child, AllNode | AnyNode) and len(child.children) > 1
        else sentence_of(child)
        for child in children
    ]
    return f" {word} ".join(parts)


def _event(node: EventNode) -> str:
    never = node.count in (
        Count(operator="eq", number=0),
        Count(operator="lt", number=1),
        Count(operator="lte", number=0),
    )
    words = ["never" if never else "", _verb(node.type, node.name), "" if never else _count(node.count)]
    words += [
        words_of_window(node.window),
        _where(node.properties),
        "" if node.then is None else words_of_then(node.then),
    ]
    return " ".join(word for word in words if word)


def happening_of(node: EventNode) -> str:
    """What an event node is about, whatever its count: performed “Order Completed” within the last 30 days."""
    words = [_verb(node.type, node.name), words_of_window(node.window), _where(node.properties)]
    words.append("" if node.then is None else words_of_then(node.then))
    return " ".join(word for word in words if word)


def _verb(kind: str, name: str | None) -> str:
    if kind == "track":
        return f"performed {_quoted(name or '')}"
    return f"viewed any {kind}" if name is None else f"viewed the {kind} {_quoted(name)}"


def _count(count: Count) -> str:
    phrases = {"gte": "at least", "gt": "more than", "lte": "at most", "lt": "fewer than", "eq": "exactly"}
    return f"{phrases[count.operator]} {count.number} {'time' if count.number == 1 else 'times'}"


def words_of_window(window: Window) -> str:
    """When events count; "" for any time."""
    match window:
        case Within():
            return f"within the last {_duration(window.duration)}"
        case Between():
            return f"between {_duration(window.start)} and {_duration(window.end)} ago"
        case Since():
            return f"since {window.instant.text}"
        case Before():
            return f"before {window.instant.text}"
        case _:
            return ""


def words_of_then(child: Child) -> str:
    """What has (not) to follow an event."""
    did = "did" if child.performed else "did not"
    verb = "perform" if child.type == "track" else "view"
    target = _verb(child.type, child.name).split(" ", 1)[1]
    words = [f"and then {did} {verb} {target} within {_duration(child.duration)}", _where(child.properties)]
    return " ".join(word for word in words if word)


def _where(tests: tuple[Test, ...]) -> str:
    return f"where {' and '.join(words_of_test(test) for test in tests)}" if tests else ""


def words_of_test(test: Test, link: str = "") -> str:
    """One test of one value."""
    name = _quoted(".".join(test.path))
    if isinstance(test.operand, Presence):
        return f"{name} {link}exists" if test.operand.wanted else f"{name} {link}does not exist"
    return f"{name} {link}{PHRASES[test.operator].format(_operand(test))}"


def _operand(test: Test) -> str:  # noqa: PLR0911 - one a kind of operand
    operand = test.operand
    match operand:
        case Constant():
            return _constant(operand)
        case ConstantList():
            shown = [_constant(item) for item in operand.items[:MOST_VALUES_SHOWN]]
            more = len(operand.items) - len(shown)
            return ", ".join(shown) + (f" and {more} more" if more else "")
        case Duration():
            return _duration(operand)
        case Instant():
            return operand.text
        case TraitValue():
            return f"their trait {_quoted('.'.join(operand.path))}"
        case ParentProperty():
            return f"the first event's {_quoted('.'.join(operand.path))}"
        case _:
            return ""


def _constant(constant: Constant) -> str:
    if isinstance(constant.value, bool):
        return "true" if constant.value else "false"
    return format(constant.value, "f") if isinstance(constant.value, Decimal) else _quoted(constant.value)


def _duration(duration: Duration) -> str:
    unit = duration.unit[:-1] if duration.amount == 1 else duration.unit
    return f"{duration.amount} {unit}"


def _quoted(text: str) -> str:
    return f"“{text}”"
