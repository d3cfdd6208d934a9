"""What the builder's buttons do to the tree. An op is `verb:place` or `verb:place:what`."""

from __future__ import annotations

import copy

from audiences.builder.rows import (
    ROOT,
    AudienceRow,
    EventRow,
    Group,
    IdentifierRow,
    Row,
    StepRow,
    ThenFields,
    TraitRow,
    ValueTest,
)

KINDS = ("event", "page", "screen", "trait", "audience", "step", "identifier", "group", "users")
TRAIT_OF = "trait."
"""Before the kind of a source: `trait.computed` is a row that offers computed traits."""


class UnknownOperationError(ValueError):
    """The op names no button or no place of this tree; the tree is as it was."""


def new_row(kind: str) -> Row:  # noqa: PLR0911 - one a kind of row
    """A row of a kind, with what a person fills in left empty."""
    match kind:
        case "event" | "page" | "screen":
            return EventRow(type="track" if kind == "event" else kind)
        case "trait":
            return TraitRow()
        case "audience":
            return AudienceRow()
        case "step":
            return StepRow()
        case "identifier":
            return IdentifierRow()
        case "group":
            return Group(joiner="any", children=[EventRow()])
        case "users":
            return Group(users="any", is_implied=True, children=[EventRow()])
    if kind.startswith(TRAIT_OF) and kind.removeprefix(TRAIT_OF).isidentifier():
        return TraitRow(source=kind.removeprefix(TRAIT_OF))
    raise UnknownOperationError(f"There is no condition of the kind {kind}.")


def apply(root: Group, op: str) -> str:
    """Change the tree in place; returns the name of the field or row that should have the focus.

    add:GROUP:KIND · remove: · duplicate: · up: · down: · move:ROW:GROUP.INDEX (before what is there now) · wrap: ·
    unwrap: · join:GROUP (AND/OR) · negate: ·
    add_property:ROW · add_child_property:ROW · remove_property:ROW:p0 (or then.p0) · add_value:ROW:TEST ·
    remove_value:ROW:TEST.INDEX · add_then:ROW · remove_then:ROW
    """
    verb, _, rest = op.partition(":")
    place, _, what = rest.partition(":")
    if verb == "add":
        return _add(root, place, what)
    if verb in {"remove", "duplicate", "up", "down", "wrap", "unwrap"}:
        return _arrange(root, verb, place)
    if verb == "move":
        return _move(root, place, what)
    if verb in {"join", "negate"}:
        return _turn(row_at(root, place), verb, place)
    return _fill(row_at(root, place), verb, place, what)


def row_at(root: Group, place: str) -> Row:
    """The row at a place such as `n-0-1`."""
    steps = place.split("-")
    if steps[0] != ROOT:
        raise UnknownOperationError(f"There is no row {place}.")
    row: Row = root
    for step in steps[1:]:
        if not isinstance(row, Group) or not step.isdigit() or int(step) >= len(row.children):
            raise UnknownOperationError(f"There is no row {place}.")
        row = row.children[int(step)]
    return row


def _add(root: Group, place: str, kind: str) -> str:
    group = row_at(root, place)
    if not isinstance(group, Group):
        raise UnknownOperationError(f"{place} is no group.")
    group.children.append(new_row(kind))
    added = f"{place}-{len(group.children) - 1}"
    return first_field(group.children[-1], added)


FIRST_FIELDS = {
    EventRow: "name", TraitRow: "t.name", AudienceRow: "audience", StepRow: "step", IdentifierRow: "identifier",
}  # fmt: skip


def first_field(row: Row, place: str) -> str:
    """Where a person starts to fill a row in."""
    if isinstance(row, Group) and row.children:
        return first_field(row.children[0], f"{place}-0")
    return f"{place}.{FIRST_FIELDS.get(type(row), 'row')}"


def _arrange(root: Group, verb: str, place: str) -> str:
    row_at(root, place)
    above, _, last = place.rpartition("-")
    if not above:
        raise UnknownOperationError("The outermost group stays.")
    parent, index = row_at(root, above), int(last)
    assert isinstance(parent, Group)  # row_at walked through it
    rows = parent.children
    if verb == "remove":
        del rows[index]
        return f"{above}-{min(index, len(rows) - 1)}.row" if rows else f"{above}.add"
    if verb == "duplicate":
        rows.insert(index + 1, copy.deepcopy(rows[index]))
        return f"{above}-{index + 1}.row"
    if verb in {"up", "down"}:
        other = index + (1 if verb == "down" else -1)
        if 0 <= other < len(rows):
            rows[index], rows[other] = rows[other], rows[index]
            return f"{above}-{other}.row"
        return _move_out(root, above, place, is_down=verb == "down")
    if verb == "wrap":
        rows[index] = Group(joiner="any" if parent.joiner == "all" else "all", children=[rows[index]])
        return f"{place}-0.row"
    return _unwrap(rows, index, place)


def _move_out(root: Group, group: str, place: str, *, is_down: bool) -> str:
    """At the edge of its group, a row goes on before or after the group; at the outermost edge it stays."""
    around, _, last = group.rpartition("-")
    if not around:
        return f"{place}.row"
    return _move(root, place, f"{around}.{int(last) + (1 if is_down else 0)}")


def _move(root: Group, place: str, where: str) -> str:
    target, _, index = where.rpartition(".")
    above, _, last = place.rpartition("-")
    row, group = row_at(root, place), row_at(root, target)
    if not above or not isinstance(group, Group) or not index.isdigit() or int(index) > len(group.children):
        raise UnknownOperationError(f"{place} cannot go to {where}.")
    if target == place or target.startswith(f"{place}-"):
        raise UnknownOperationError("A group cannot go into itself.")
    old = row_at(root, above)
    assert isinstance(old, Group)  # row_at walked through it
    gap = Group()
    old.children[int(last)] = gap
    group.children.insert(int(index), row)
    old.children[:] = [child for child in old.children if child is not gap]
    _drop_if_empty(root, above, old)
    return f"{_place_of(root, ROOT, row)}.row"


def _drop_if_empty(root: Group, place: str, group: Group) -> None:
    """A group whose last row went elsewhere goes too, and the one around it when that leaves it empty."""
    place = _place_of(root, ROOT, group) or place
    around, _, _ = place.rpartition("-")
    if group.children or not around:
        return
    outer = row_at(root, around)
    assert isinstance(outer, Group)  # it holds the group
    outer.children[:] = [child for child in outer.children if child is not group]
    _drop_if_empty(root, around, outer)


def _place_of(row: Row, place: str, wanted: Row) -> str:
    """Where a row is now; "" when it is not in the tree."""
    if row is wanted:
        return place
    inside = row.children if isinstance(row, Group) else []
    found = (_place_of(child, f"{place}-{index}", wanted) for index, child in enumerate(inside))
    return next((one for one in found if one), "")


def _unwrap(rows: list[Row], index: int, place: str) -> str:
    group = rows[index]
    if not isinstance(group, Group) or group.negated or group.users:
        raise UnknownOperationError("Only a plain group can be dissolved.")
    rows[index : index + 1] = group.children
    return f"{place}.row"


def _turn(row: Row, verb: str, place: str) -> str:
    if verb == "join" and isinstance(row, Group):
        row.joiner = "any" if row.joiner == "all" else "all"
        return f"{place}.joiner"
    if verb == "negate" and isinstance(row, Group | EventRow | TraitRow) and place != ROOT:
        row.negated = not row.negated
        return f"{place}.row"
    raise UnknownOperationError(f"{verb} does not go with {place}.")


def _fill(row: Row, verb: str, place: str, what: str) -> str:
    if verb in {"add_value", "remove_value"}:
        return _values(row, verb, place, what)
    if not isinstance(row, EventRow):
        raise UnknownOperationError(f"{verb} does not go with {place}.")
    match verb:
        case "add_property":
            row.properties.append(ValueTest())
            return f"{place}.p{len(row.properties) - 1}.name"
        case "add_child_property" if row.then is not None:
            row.then.properties.append(ValueTest())
            return f"{place}.then.p{len(row.then.properties) - 1}.name"
        case "remove_property":
            tests, index, _ = _tests_at(row, what)
            del tests[index]
            return f"{place}.row"
        case "add_then":
            row.then = ThenFields()
            return f"{place}.then.name"
        case "remove_then":
            row.then = None
            return f"{place}.row"
    raise UnknownOperationError(f"There is no operation {verb}.")


def _tests_at(row: Row, what: str) -> tuple[list[ValueTest], int, str]:
    """The list, the index in it and the rest of `p0`, `then.p0`, `p0.2` or, for a trait, `t.2`."""
    inner = what.removeprefix("then.")
    head, _, rest = inner.partition(".")
    if isinstance(row, TraitRow) and head == "t":
        return [row.test], 0, rest
    tests: list[ValueTest] = []
    if isinstance(row, EventRow):
        tests = row.properties if inner == what else (row.then.properties if row.then else [])
    if head.startswith("p") and head[1:].isdigit() and int(head[1:]) < len(tests):
        return tests, int(head[1:]), rest
    raise UnknownOperationError(f"There is no property {what}.")


def _values(row: Row, verb: str, place: str, what: str) -> str:
    tests, index, rest = _tests_at(row, what)
    test = tests[index]
    if verb == "add_value":
        test.values.append("")
        return f"{place}.{what}.value:{len(test.values) - 1}"
    if not rest.isdigit() or int(rest) >= len(test.values):
        raise UnknownOperationError(f"There is no value {what}.")
    del test.values[int(rest)]
    test.values = test.values or [""]
    return f"{place}.{what.rpartition('.')[0]}.value:{max(0, int(rest) - 1)}"
