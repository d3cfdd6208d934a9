"""What a person saving a trigger is told (spec: FQL, section 7).

`parse` takes whatever the reference takes and follows its oddities. Here the text is read the way a person means it;
where the two differ, or where a condition can never hold, there is a problem.
"""

from __future__ import annotations

from engine.fql.errors import FqlError, Problem
from engine.fql.grammar import CONTAINER_TYPES, FIELD_TYPES, FUNCTIONS, parse_tree
from engine.fql.tokens import Token, join_paths, tokenize

_OPERATORS = {
    "type": ("=", "!="),
    "event": ("=", "!="),
    "name": ("=", "!="),
    "userId": ("=", "!="),
}
_ALL_OPERATORS = ("=", "!=", "<", "<=", ">", ">=")
_FIELD_HINT = "Fields are type, event, name, userId, properties.…, traits.… and context.…"


def lint(text: str) -> list[Problem]:
    """All problems of a trigger text, in the order of their places; none when it does what it says."""
    try:
        tokens = join_paths(tokenize(text))
    except FqlError as error:
        return [_problem("syntax", error.message, error.position, error.position + 1)]
    reader = _Reader(tokens)
    reader.level(is_inner=False)
    if not reader.problems:
        try:
            parse_tree(text)
        except FqlError as error:
            reader.problems.append(_problem("syntax", error.message, error.position, len(text)))
    return sorted(reader.problems, key=lambda problem: problem.start)


class _Reader:
    """Reads level by level; after a problem it goes on at the next place that makes sense."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.index = 0
        self.problems: list[Problem] = []

    @property
    def token(self) -> Token:
        return self.tokens[min(self.index, len(self.tokens) - 1)]

    def add(self, code: str, message: str, token: Token, last: Token | None = None) -> None:
        self.problems.append(_problem(code, message, token.start, max((last or token).end, token.start + 1)))

    def level(self, *, is_inner: bool) -> None:
        """Clauses and connectives in turn, up to the end or the closing parenthesis."""
        connective: str | None = None
        expects_clause, is_empty = True, True
        while self.token.kind != "eos" and not (is_inner and self.token.kind == "close"):
            token = self.token
            if token.kind == "conditional" or _is_word(token, "AND", "OR"):
                if token.kind != "conditional":
                    self.add("case", f'Write "{token.value.lower()}" in lower case.', token)
                if expects_clause:
                    self.add("connective", f'A condition is missing in front of "{token.value}".', token)
                if connective not in (None, token.value.lower()):
                    message = 'One level takes either "and" or "or". Put one of the two in parentheses.'
                    self.add("mixed", message, token)
                connective = token.value.lower()
                expects_clause = True
                self.index += 1
                continue
            if not expects_clause and token.kind in ("ident", "open", "operator"):
                self.add("connective", 'Write "and" or "or" between two conditions.', token)
            is_empty = False
            expects_clause = not self.clause(is_inner=is_inner)
        if is_empty and connective is None:
            self.add("empty", "A condition is missing here.", self.token)
        elif expects_clause:
            self.add("connective", "A condition is missing at the end.", self.token)

    def clause(self, *, is_inner: bool) -> bool:
        """Read one condition; false when it was only a word in front of one."""
        token = self.token
        self.index += 1
        if _is_word(token, "not"):
            self.add("negation", '"not" does not exist here and is ignored: use != or !contains(…).', token)
            return False
        if token.kind == "open":
            self._group(token, is_inner=is_inner)
        elif token.kind == "operator" and token.value == "!":
            return self._negation(token, is_inner=is_inner)
        elif token.kind == "ident" and self.token.kind == "open":
            self._call(token, is_inner=is_inner)
        elif token.kind == "ident":
            self._comparison(token)
        elif token.kind == "close":
            self.add("parenthesis", 'This ")" has no "(".', token)
        else:
            self.add("unexpected", f"{token.value!r} is not expected here. A condition starts with a field.", token)
            self._skip_to_connective()
        return True

    def _group(self, opening: Token, *, is_inner: bool) -> None:
        if is_inner:
            self.add("nested", "Parentheses cannot be nested.", opening)
            self._skip_group()
            return
        self.level(is_inner=True)
        if self.token.kind == "close":
            self.index += 1
        else:
            self.add("parenthesis", 'This "(" has no ")".', opening)

    def _skip_group(self) -> None:
        depth = 1
        while depth and self.token.kind != "eos":
            depth += {"open": 1, "close": -1}.get(self.token.kind, 0)
            self.index += 1

    def _negation(self, token: Token, *, is_inner: bool) -> bool:
        if self.token.kind == "ident" and self.token.value in FUNCTIONS:
            return self.clause(is_inner=is_inner)
        message = '"!" stands only in front of contains(…) and match(…). Elsewhere it is ignored: use != instead.'
        self.add("negation", message, token)
        return False

    def _call(self, name: Token, *, is_inner: bool) -> None:
        start = self.index
        arguments = self._arguments()
        if name.value not in FUNCTIONS:
            self.add("function", f'There is no function "{name.value}". There are contains and match.', name)
            self._skip_to_connective()
            return
        if is_inner:
            message = "A function inside parentheses ends the group too early. Write it outside of them."
            self.add("function_in_group", message, name, self.tokens[start])
        shape = [argument.kind for argument in arguments]
        if len(arguments) != 3 or shape[0] != "ident" or shape[1] != "comma" or shape[2] != "string":
            self.add("arguments", f'Write {name.value}(field, "text").', name)
            return
        field, _, value = arguments
        first = field.value.split(".", 1)[0]
        if field.value not in ("event", "name", "userId") and first not in CONTAINER_TYPES:
            self.add("field", f'{name.value} cannot look at "{field.value}".', field)
        elif first in CONTAINER_TYPES and "." not in field.value:
            self._path(field)
        self._text(value)
        if name.value == "match":
            self._pattern(value)

    def _arguments(self) -> list[Token]:
        """The tokens between the parentheses; goes on behind them."""
        opening = self.token
        self.index += 1
        start = self.index
        while self.token.kind not in ("close", "eos"):
            self.index += 1
        arguments = self.tokens[start : self.index]
        if self.token.kind == "close":
            self.index += 1
        else:
            self.add("parenthesis", 'This "(" has no ")".', opening)
        return arguments

    def _pattern(self, value: Token) -> None:
        content = value.value[1:-1]
        if content.count("*") != 1 or not (content.startswith("*") or content.endswith("*")) or content == "*":
            message = 'A pattern has exactly one "*", at its start or its end: "Order*" or "*Completed".'
            self.add("pattern", message, value)

    def _comparison(self, field: Token) -> None:
        first = field.value.split(".", 1)[0]
        is_known = field.value in FIELD_TYPES or first in CONTAINER_TYPES
        if not is_known:
            self.add("field", f'"{field.value}" cannot be tested. {_FIELD_HINT}.', field)
        elif first in CONTAINER_TYPES and "." not in field.value and self.token.kind != "dot":
            self._path(field)
        operator = self.token
        if operator.kind != "operator" or operator.value == "!":
            if operator.kind == "dot":
                self.add(
                    "field", 'Behind the dot stands a word that is reserved, or a digit. Put "\\" before it.', operator
                )
            else:
                self.add("operator", f'Write =, !=, <, <=, > or >= behind "{field.value}".', operator)
            self._skip_to_connective()
            return
        self.index += 1
        if operator.value not in _OPERATORS.get(first, _ALL_OPERATORS):
            message = f'"{first}" can only be compared by = and !=.'
            self.add("operator", message, operator)
        elif operator.value in ("<", ">") and self.token.value == "=" and self.token.start == operator.end:
            self.add("operator", f'Put a blank behind "{operator.value}=".', operator, self.token)
            self.index += 1
        self._value(first, operator)

    def _value(self, first: str, operator: Token) -> None:
        value = self.token
        if value.kind in ("eos", "close", "conditional"):
            self.add("value", f'A value is missing behind "{operator.value}".', operator)
            return
        self.index += 1
        is_truth = value.kind == "ident" and value.value in ("true", "false")
        if value.kind not in ("string", "number", "null") and not is_truth:
            self.add("value", "A value is a text in double quotes, a number, true, false or null.", value)
            self._skip_to_connective()
            return
        if value.kind == "string":
            self._text(value)
        elif value.kind == "number":
            self._number(value)
        if operator.value in ("<", "<=", ">", ">="):
            if value.kind != "number":
                self.add("value", f'"{operator.value}" compares numbers only.', value)
        elif is_truth and operator.value == "!=":
            other = "false" if value.value == "true" else "true"
            message = f"This also holds for {value.value}. Write = {other}, or = null for a missing value."
            self.add("truth", message, operator, value)
        elif first in ("type", "event") and value.kind != "string":
            self.add("value", f'"{first}" is a text: put the value in double quotes.', value)
        elif first == "name" and value.kind not in ("string", "null"):
            self.add("value", '"name" is a text: put the value in double quotes.', value)

    def _number(self, value: Token) -> None:
        follower = self.token
        if not any(char.isdigit() for char in value.value):
            self.add("value", "Digits are missing behind the sign.", value)
        elif follower.start == value.end and follower.kind in ("ident", "dot", "number"):
            self.add(
                "value", "A number has digits and one decimal point only; there are no exponents.", value, follower
            )
            self.index += 1

    def _text(self, value: Token) -> None:
        if value.kind != "string":
            return
        if value.value.startswith("'"):
            self.add("quotes", "Use double quotes: single quotes become part of the value.", value)
        if not value.is_sealed:
            message = "Put a blank, a comma or a parenthesis behind the closing quote; what follows it is swallowed."
            self.add("quotes", message, value)
            self.index = len(self.tokens) - 1

    def _path(self, field: Token) -> None:
        self.add("field", f"Say which one: {field.value}.name, for example.", field)

    def _skip_to_connective(self) -> None:
        while self.token.kind not in ("eos", "conditional", "close") and not _is_word(self.token, "AND", "OR"):
            self.index += 1


def _is_word(token: Token, *words: str) -> bool:
    return token.kind == "ident" and token.value in words


def _problem(code: str, message: str, start: int, end: int) -> Problem:
    return Problem(code=code, message=message, start=start, end=end)
