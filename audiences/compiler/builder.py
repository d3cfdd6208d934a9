"""The tables of a statement: the scope, one pass over its events, and the facts of each profile that verdicts read."""

# ruff: noqa: S608 - the texts are built from our own templates; every value of a definition is a parameter.

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from audiences.compiler.belonging import belongings
from audiences.compiler.events import FUTURE, event_verdict, thresholds
from audiences.compiler.references import References
from audiences.compiler.scopes import Scope, TheseProfiles, UsersOf, within
from audiences.compiler.statement import NEVER, CompileError, Statement
from audiences.compiler.trees import Verdict, combined, negated
from audiences.compiler.users import Users
from audiences.compiler.values import flips_at, holds, place, relative_interval
from engine.conditions.nodes import (
    AllNode,
    AnyNode,
    AudienceNode,
    Condition,
    EventNode,
    JourneyStepNode,
    Node,
    NotNode,
    TraitNode,
    UsersNode,
)
from engine.conditions.operators import RELATIVE_DATES
from engine.conditions.profile_state import KNOWN_IDENTIFIERS, Options
from profiles.models import ACCOUNTS, USERS

COLLECTIONS = {"users": USERS, "accounts": ACCOUNTS}
BY_NAME = "e.profile_id > 0"
"""Always true; a statement that says it may read events by their name, over all profiles (profiles/migrations)."""
WIDE_SCOPES = "SET LOCAL enable_nestloop = off"
"""For statements over everybody or a range of ids: what is estimated as one row in a new space may be everybody."""
ANY_SCOPE = "SET LOCAL enable_nestloop = on"
MOST_IN_ONE_PASS = 24
MOST_PASSES = 12


def wants_events(node: Node) -> bool:
    """Whether nobody without any of the node's events can belong: then such profiles need not be looked at."""
    match node:
        case EventNode():
            return thresholds(node.count)[0] > 0
        case AllNode():
            return any(wants_events(child) for child in node.children)
        case AnyNode():
            return all(wants_events(child) for child in node.children)
    return False


@dataclass(frozen=True, kw_only=True)
class _Pass:
    columns: list[str]
    where: str


class Builder:
    """The statement of some conditions of one collection: ask for verdicts first, then for the tables they read."""

    def __init__(
        self,
        space_id: int,
        collection: str,
        scope: Scope,
        now: datetime,
        references: References,
        *,
        is_timed: bool,
        outer: Statement | None = None,
    ) -> None:
        """`outer` is the statement of accounts in which this one is about their users."""
        self.statement = Statement(space_id=space_id, now=now, is_timed=is_timed, outer=outer)
        self.space_id, self.now = space_id, now
        self.prefix = "" if outer is None else "user_"
        self.users: Users | None = None
        self.collection = COLLECTIONS[collection]
        self.scope = scope
        self.references = references
        self.only_with_events = False
        self.only_known = self.leaves_out_early = False

    def leave_out_anonymous(self, options: Sequence[Options], *, is_late: bool = False) -> None:
        """Call before the verdicts, where profiles without a row among the facts are taken as no members.

        When none of the audiences takes anonymous profiles, one join leaves them out; of few profiles each is asked.
        `is_late`: the caller asks by `is_known` and `is_known_fact`, of the profiles that the verdicts leave.
        """
        asked = self.collection == USERS and not any(each.include_anonymous for each in options)
        self.only_known = asked and (is_late or not self._is_few)
        self.leaves_out_early = asked and not is_late and not self._is_few

    def is_known(self, profile_id: str) -> str:
        """The test that leaves out anonymous profiles late; of few profiles it is among the facts."""
        return self._identified(profile_id, KNOWN_IDENTIFIERS) if self.only_known and not self._is_few else "true"

    def is_known_fact(self) -> str:
        """The same, over the facts."""
        return self._has_identifier(KNOWN_IDENTIFIERS) if self.only_known and self._is_few else "true"

    def verdict(self, condition: Condition, options: Options) -> Verdict:
        found = self.node(condition.where, options)
        if self.collection != USERS or options.include_anonymous or self.only_known:
            return found
        known = self._has_identifier(KNOWN_IDENTIFIERS)
        changes = NEVER if found.flips_at == NEVER else f"(CASE WHEN {known} THEN {found.flips_at} ELSE {NEVER} END)"
        return Verdict(holds=f"({known} AND {found.holds})", flips_at=changes)

    def node(self, node: Node, options: Options) -> Verdict:  # noqa: PLR0911 - one a kind of node
        """The verdict on one condition or group, over the facts `f`."""
        match node:
            case AllNode() | AnyNode():
                children = [self.node(child, options) for child in node.children]
                return combined(children, is_all=isinstance(node, AllNode))
            case NotNode():
                return negated(self.node(node.child, options))
            case EventNode():
                return event_verdict(node, options, self.statement)
            case TraitNode():
                return self._trait(node)
            case AudienceNode():
                member = self._membership(node.audience)
                return Verdict(holds=member if node.member else f"(NOT {member})")
            case JourneyStepNode():
                member = self._step(node.step)
                return Verdict(holds=member if node.member else f"(NOT {member})")
            case UsersNode():
                return self._users().verdict(node, options)
        found = self._has_identifier([node.identifier])
        return Verdict(holds=found if node.exists else f"(NOT {found})")

    def _trait(self, node: TraitNode) -> Verdict:
        statement = self.statement
        found = place("s.traits", node.test.path, statement)
        holding = f"f.{statement.facts.add(holds(node.test, found, statement, traits='s.traits'))}"
        if not statement.is_timed or node.test.operator not in RELATIVE_DATES:
            return Verdict(holds=holding)
        change = flips_at(relative_interval(node.test, found.value, statement), statement)
        return Verdict(holds=holding, flips_at=f"f.{statement.facts.add(change)}")

    def _membership(self, reference: str) -> str:
        audience_id = self.references.audiences.get(reference)
        if audience_id is None:
            raise CompileError(f'No audience "{reference}" exists in this space; choose another.')
        if self.collection == USERS and audience_id in self.references.account_audiences:
            columns, prefix = self.statement.account_memberships, "n"
        else:
            columns, prefix = self.statement.memberships, "m"
        return f"coalesce(f.{columns.setdefault(audience_id, f'{prefix}{len(columns)}')}, false)"

    def _step(self, reference: str) -> str:
        step_id = self.references.steps.get(reference)
        if step_id is None:
            raise CompileError(f'No journey step "{reference}" exists in this space; choose another.')
        columns = self.statement.steps
        return f"coalesce(f.{columns.setdefault(step_id, f'j{len(columns)}')}, false)"

    def _users(self) -> Users:
        if self.users is None:
            if isinstance(self.scope, UsersOf):
                raise TypeError("Users have no users; the parser refuses it.")
            people = Builder(
                self.space_id,
                "users",
                UsersOf(accounts=self.scope),
                self.now,
                self.references,
                is_timed=self.statement.is_timed,
                outer=self.statement,
            )
            self.users = Users(people, self.scope)
        return self.users

    def _has_identifier(self, kinds: Sequence[str]) -> str:
        return f"f.{self.statement.facts.add(self._identified('s.id', kinds))}"

    def _identified(self, profile_id: str, kinds: Sequence[str]) -> str:
        statement = self.statement
        tests = [f"x.profile_id = {profile_id}", *within(self.scope, "x.profile_id", statement)]
        if self._is_few:
            # The operators hide the columns: by the primary key, each profile would read everybody's identifiers.
            tests += [f"x.space_id + 0 = {statement.space}", f"x.id_type || '' = ANY ({statement.texts(kinds)})"]
        else:
            # Joined as a whole (`WIDE_SCOPES`), for which the planner has to know how many there are.
            tests += [f"x.space_id = {statement.space}", f"x.id_type = ANY ({statement.texts(kinds)})"]
        return f"EXISTS (SELECT FROM external_id x WHERE {_and(tests)})"

    def ctes(self) -> list[str]:
        """`scope`, one for each kind of fact, and `facts` with a row a profile."""
        statement = self.statement
        prefix = self.prefix
        passes = self._passes()
        join = "JOIN" if self._joins_events(passes) else "LEFT JOIN"
        own, where = "s.id", ""
        joins, parts = [f"{prefix}scope s"], [self._scope()]
        if self._joins_events(passes) and not self._reads_profiles():
            # Whoever has events is a user profile, of which nothing else is needed.
            own, joins, parts = "h0.profile_id", [], []
            where = f" WHERE {self._identified(own, KNOWN_IDENTIFIERS)}" if self.leaves_out_early else ""
        facts = [f"{own} AS id", *statement.facts.select()]
        if len(passes) > 1:
            parts.append(f"{prefix}event_row AS MATERIALIZED ({self._events()})")
        for number, aggregates in enumerate(passes):
            rows = f"{prefix}event_row" if len(passes) > 1 else f"({self._events()} OFFSET 0)"
            picked = f"{', '.join(aggregates.columns)} FROM {rows} e{aggregates.where}"
            parts.append(f"{prefix}happened{number} AS (SELECT e.profile_id, {picked} GROUP BY e.profile_id)")
            on = f" ON h{number}.profile_id = {own}"
            joins.append(f"{join} {prefix}happened{number} h{number}{on}" if joins else f"{prefix}happened{number} h0")
        facts += [*statement.aggregates.columns.names(), *statement.derived.select()]
        for number, (columns, rows) in enumerate(belongings(self.statement, self.references, self.scope)):
            parts.append(f"{prefix}belonging{number} AS ({rows})")
            facts += [f"b{number}.{name}" for name in columns]
            joins.append(f"LEFT JOIN {prefix}belonging{number} b{number} ON b{number}.profile_id = {own}")
        if self.users is not None:
            parts += self.users.ctes()
            facts += [f"u.{name}" for name in self.users.columns.names()]
            joins.append("LEFT JOIN linked u ON u.account_id = s.id")
        # OFFSET 0 keeps the planner from repeating a fact's expression wherever a verdict reads it.
        parts.append(f"{prefix}facts AS (SELECT {', '.join(facts)} FROM {' '.join(joins)}{where} OFFSET 0)")
        return parts

    def _reads_profiles(self) -> bool:
        """Whether more is asked of a profile than what happened and where it belongs."""
        statement = self.statement
        return bool(statement.facts.names()) or "traits" in statement.needed or self.collection != USERS

    def _scope(self) -> str:
        statement = self.statement
        tests = [f"p.space_id = {statement.space}", f"p.collection = {statement.param(self.collection, 'smallint')}"]
        if isinstance(self.scope, TheseProfiles):
            # So many profiles as there are ids, whatever the statistics say of a space that is new.
            found = f"SELECT p.id, p.traits FROM profile p WHERE p.id = i.id AND {_and(tests)} OFFSET 0"
            rows = f"SELECT p.id, p.traits FROM {self._ids()} AS i(id) CROSS JOIN LATERAL ({found}) p"
        else:
            tests += within(self.scope, "p.id", statement)
            if self.leaves_out_early:
                tests.append(self._identified("p.id", KNOWN_IDENTIFIERS))
            rows = f"SELECT p.id, p.traits FROM profile p WHERE {_and(tests)}"
        return f"{self.prefix}scope AS NOT MATERIALIZED ({rows})"

    def _events(self) -> str:
        statement = self.statement
        needed = statement.needed - {"profile_id", "traits"}
        columns = ["e.profile_id", "e.ts", *(f"e.{name}" for name in sorted(needed))]
        columns += ["s.traits"] if "traits" in statement.needed else []
        source, asked = "event e", _and([BY_NAME, *self._events_asked()])
        if self._is_few:
            # One look-up a profile by the primary key, whatever the statistics say: for few profiles in a big space
            # the index by event name reads everybody's events.
            source = (
                f"{self._ids()} AS i(id) CROSS JOIN LATERAL "
                f"(SELECT e.* FROM event e WHERE e.profile_id = i.id AND {_and(self._events_asked())} OFFSET 0) e"
            )
            asked = "true"
        if "traits" in statement.needed:
            source += f" JOIN {self.prefix}scope s ON s.id = e.profile_id"
        rows = f"SELECT {', '.join(columns)}, {self._kind()} AS k FROM {source} WHERE {asked}"
        if followers := statement.followers.select():
            rows = f"SELECT e.*, {', '.join(followers)} FROM ({rows} OFFSET 0) e"
        return rows

    @property
    def _is_few(self) -> bool:
        return self.scope.is_few if isinstance(self.scope, UsersOf) else isinstance(self.scope, TheseProfiles)

    def _ids(self) -> str:
        """Of few profiles: their ids as a table, each once."""
        if isinstance(self.scope, UsersOf):
            return f"(SELECT DISTINCT l.profile_id FROM ({self.scope.ids(self.statement)}) l)"
        if isinstance(self.scope, TheseProfiles):
            return f"unnest({self.statement.param(self.scope.as_text, 'bigint[]')})"
        raise TypeError("The ids of this scope are not known.")

    def _joins_events(self, passes: Sequence[_Pass] | None = None) -> bool:
        return self.only_with_events and len(self._passes() if passes is None else passes) == 1

    def _passes(self) -> list[_Pass]:
        """One pass; for many aggregates over few profiles, groups of kinds, so that an event meets its own only."""
        statement = self.statement
        count = len(statement.aggregates.columns.names())
        if not count:
            return []
        kinds = sorted(statement.names.named.values())
        if count <= MOST_IN_ONE_PASS or not self._is_few:
            return [_Pass(columns=statement.aggregates.columns.select(), where="")]
        groups = [frozenset(kinds[start::MOST_PASSES]) for start in range(min(MOST_PASSES, len(kinds)))]
        passes = [
            _Pass(
                columns=statement.aggregates.of_kinds(group),
                where=f" WHERE {' OR '.join(f'e.k = {kind}' for kind in sorted(group))}",
            )
            for group in [*groups, frozenset({FUTURE})]
        ]
        passes.append(_Pass(columns=statement.aggregates.of_kinds(None), where=""))
        return [each for each in passes if each.columns]

    def _events_asked(self) -> list[str]:
        statement = self.statement
        tests = [f"e.space_id = {statement.space}"]
        if not self._is_few:
            tests += within(self.scope, "e.profile_id", statement)
        kinds = {kind for kind, _ in statement.names.named} | statement.names.wildcards
        asked = []
        for kind in sorted(kinds):
            names = [name for other, name in statement.names.named if other == kind]
            by_name = "" if kind in statement.names.wildcards else f" AND {_one_of('e.name', names, statement)}"
            asked.append(f"e.type = {kind}{by_name}")
        tests.append(asked[0] if len(asked) == 1 else f"({' OR '.join(f'({each})' for each in asked)})")
        if statement.lowest is not None and not statement.is_unbounded:
            tests.append(f"e.ts > {statement.instant(statement.lowest)}")
        return tests

    def _kind(self) -> str:
        """The number of the event's kind: -1 for what lies in the future, 0 for one that only a wildcard asks for."""
        statement = self.statement
        cases = [f"WHEN e.ts > {statement.moment} THEN -1"]
        kinds = {kind for kind, _ in statement.names.named}
        for kind in sorted(kinds):
            numbers = {name: number for (other, name), number in statement.names.named.items() if other == kind}
            is_alone = kinds | statement.names.wildcards == {kind}
            test = "" if is_alone else f"e.type = {kind} AND "
            cases += [f"WHEN {test}e.name = {statement.param(name, 'text')} THEN {n}" for name, n in numbers.items()]
        return f"CASE {' '.join(cases)} ELSE 0 END"


def _and(tests: Sequence[str]) -> str:
    return " AND ".join(tests)


def _one_of(column: str, names: list[str], statement: Statement) -> str:
    if len(names) == 1:
        return f"{column} = {statement.param(names[0], 'text')}"
    return f"{column} = ANY ({statement.texts(names)})"
