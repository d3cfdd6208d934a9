"""Cutting the text of a condition into tokens.

Fields are letters, digits, `_`, `-` and `.`; any other character of a field gets a `\\` in front, also a dot that is
part of a name. Texts stand in double or single quotes, in which `\\` takes the quote (or another `\\`) literally.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal

from engine.fql.errors import FqlError

Kind = Literal["path", "word", "text", "number", "operator", "open", "close", "bracket", "comma", "end"]

LENGTH_LIMIT = 10_000
WORDS = frozenset({"and", "or", "in", "true", "false", "null"})

_PATTERN = re.compile(
    r"""[ \t\r\n]*(?:
        (?P<text>"(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*')
      | (?P<number>[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![A-Za-z0-9_\\]))
      | (?P<path>(?:[A-Za-z_]|\\[\s\S])(?:[A-Za-z0-9_-]|\\[\s\S])*(?:\.(?:[A-Za-z0-9_-]|\\[\s\S])+)*)
      | (?P<operator>!=|<=|>=|[=<>!])
      | (?P<open>\()|(?P<close>\))|(?P<bracket>[\[\]])|(?P<comma>,)
    )""",
    re.VERBOSE,
)
_PIECE = re.compile(r"(?:[^.\\]|\\[\s\S])+")
_ESCAPED = re.compile(r"\\([\s\S])")
_MASKED = re.compile(r"""\\(["'\\])""")


@dataclass(frozen=True, slots=True)
class Token:
    """`value` is what the token means: a path's pieces, a text without its quotes, a number, a word or sign."""

    kind: Kind
    value: Any
    start: int
    end: int


def tokenize(text: str) -> list[Token]:
    """All tokens, the last one of kind "end". What fits nowhere raises FqlError."""
    if len(text) > LENGTH_LIMIT:
        raise FqlError(f"A condition has at most {LENGTH_LIMIT:,} characters.", LENGTH_LIMIT)
    tokens: list[Token] = []
    position, length = 0, len(text.rstrip(" \t\r\n"))
    while position < length:
        match = _PATTERN.match(text, position)
        if match is None or match.lastgroup is None:
            raise _unreadable(text, position)
        kind: Any = match.lastgroup
        start, end = match.span(kind)
        tokens.append(_token(kind, match.group(kind), start, end))
        position = end
    tokens.append(Token("end", "", length, length))
    return tokens


def path_pieces(text: str) -> tuple[str, ...]:
    """`properties.first\\ name` -> ("properties", "first name"); a dot behind a `\\` is part of the name."""
    return tuple(_ESCAPED.sub(r"\1", piece) for piece in _PIECE.findall(text))


def path_text(pieces: tuple[str, ...]) -> str:
    """The way back: what `path_pieces` reads."""
    return ".".join(re.sub(r"[^A-Za-z0-9_-]", lambda found: "\\" + found.group(), piece) for piece in pieces)


def _token(kind: Kind, text: str, start: int, end: int) -> Token:
    if kind == "text":
        return Token(kind, _MASKED.sub(r"\1", text[1:-1]), start, end)
    if kind == "number":
        number = float(text)
        return Token(kind, int(number) if number.is_integer() and abs(number) < 2**53 else number, start, end)
    if kind == "path":
        return Token("word", text, start, end) if text in WORDS else Token(kind, path_pieces(text), start, end)
    return Token(kind, text, start, end)


def _unreadable(text: str, position: int) -> FqlError:
    while text[position] in " \t\r\n":
        position += 1
    char = text[position]
    if char in "\"'":
        return FqlError(f"The text that starts with {char} has no closing {char}.", position)
    if char in "&|":
        return FqlError('Conditions are joined by "and" or "or".', position)
    if char.isdigit() or char in "+-":
        return FqlError("A number is digits with at most one point; a field cannot start with a digit.", position)
    if not char.isascii() or char == "$":
        return FqlError(f'{char!r} in the name of a field needs a "\\" in front of it.', position)
    return FqlError(f"{char!r} is not allowed outside quotes.", position)
