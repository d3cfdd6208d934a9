"""Cutting a trigger text into tokens (spec: FQL, section 2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from engine.fql.errors import FqlError
from engine.jstext import utf16_length

Kind = Literal[
    "ident", "operator", "conditional", "null", "string", "number", "dot", "bracket", "comma", "open", "close", "eos"
]

LENGTH_LIMIT = 100_000
_BLANKS = " \t\n"
_TERMINATORS = frozenset(" \t\n,])")
_AFTER_IDENTIFIER = _TERMINATORS | frozenset(".(=!")
_WORDS: tuple[tuple[str, Kind], ...] = (("and", "conditional"), ("or", "conditional"), ("null", "null"))
_READ_AHEAD = {"a": 2, "n": 3}
_PUNCTUATION: dict[str, Kind] = {
    ".": "dot",
    "[": "bracket",
    "]": "bracket",
    ",": "comma",
    "(": "open",
    ")": "close",
}
_IDENTIFIER = re.compile(r"(?:[A-Za-z0-9_-]|\\[\s\S])+")
_NUMBER = re.compile(r"[0-9.]*")


@dataclass(frozen=True, slots=True)
class Token:
    """`value` is the text the parser compares: escapes of identifiers are gone, the quotes of strings are kept.

    `is_sealed` is false for a string whose closing quote is not followed by a terminator: the quote is then
    read again, as the start of the next string.
    """

    kind: Kind
    value: str
    start: int
    end: int
    is_sealed: bool = True


def tokenize(text: str) -> list[Token]:
    """All tokens, the last one of kind `eos`. A character or literal that fits nowhere raises FqlError."""
    tokens: list[Token] = []
    position, length = 0, len(text)
    while position < length:
        char = text[position]
        if char in _BLANKS:
            position += 1
            continue
        token = _token_at(text, position, char)
        tokens.append(token)
        position = token.end if token.is_sealed else token.end - 1
    tokens.append(Token("eos", "eos", length, length))
    return tokens


def join_paths(tokens: list[Token]) -> list[Token]:
    """Identifiers joined by dots become one identifier: `properties`, `.`, `plan` -> `properties.plan`."""
    joined: list[Token] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        follower = tokens[index + 1] if index + 1 < len(tokens) else None
        if token.kind == "dot" and joined and joined[-1].kind == "ident" and follower and follower.kind == "ident":
            # A path of n pieces is built in one go, or it would cost n squared.
            pieces = [joined[-1].value]
            while index + 1 < len(tokens) and tokens[index].kind == "dot" and tokens[index + 1].kind == "ident":
                pieces.append(tokens[index + 1].value)
                index += 2
            joined[-1] = Token("ident", ".".join(pieces), joined[-1].start, tokens[index - 1].end)
            continue
        joined.append(token)
        index += 1
    return joined


def _token_at(text: str, start: int, char: str) -> Token:
    if char == "!" and _is_negation(text, start):
        return Token("operator", "!", start, start + 1)
    if char in "!=<>":
        return _operator(text, start, char)
    if char in "_\\" or (char.isascii() and char.isalpha()):
        return _word(text, start)
    if char in "+-" or (char.isascii() and char.isdigit()):
        return _number(text, start)
    if char in "\"'":
        return _string(text, start, char)
    kind = _PUNCTUATION.get(char)
    if kind is None:
        raise FqlError(f"{char!r} is not allowed outside quotes.", start)
    return Token(kind, char, start, start + 1)


def _ends_at(text: str, position: int) -> bool:
    return position >= len(text) or text[position] in _TERMINATORS


def _is_negation(text: str, start: int) -> bool:
    follower = text[start + 1 : start + 2]
    return follower == "(" or (follower.isascii() and follower.isalpha())


def _operator(text: str, start: int, char: str) -> Token:
    if char == "=":
        return Token("operator", "=", start, start + 1)
    if text[start + 1 : start + 2] == "=" and _ends_at(text, start + 2):
        return Token("operator", char + "=", start, start + 2)
    if char == "!":
        raise FqlError('Write "!=" with a blank behind it.', start)
    return Token("operator", char, start, start + 1)


def _word(text: str, start: int) -> Token:
    for word, kind in _WORDS:
        if text.startswith(word, start) and _ends_at(text, start + len(word)):
            return Token(kind, word, start, start + len(word))
    rest = text[start + 1 : start + 4]
    if len(rest) < _READ_AHEAD.get(text[start], 0) and not _TERMINATORS.intersection(rest):
        # The reference reads ahead for "and" and "null" and does not go back when the text ends meanwhile.
        return Token("ident", text[start], start, len(text))
    match = _IDENTIFIER.match(text, start)
    if match is None:
        raise FqlError('A "\\" needs a character behind it.', start)
    end, value = match.end(), _unescape(match.group())
    if utf16_length(value) >= LENGTH_LIMIT:
        raise FqlError(f"A name has to be shorter than {LENGTH_LIMIT:,} characters.", start)
    if text[end : end + 1] == "\\":
        raise FqlError('A "\\" needs a character behind it.', end)
    if end < len(text) and text[end] not in _AFTER_IDENTIFIER:
        raise FqlError(f"{text[end]!r} cannot follow {value!r}. Put a blank between them.", end)
    return Token("ident", value, start, end)


def _unescape(value: str) -> str:
    return re.sub(r"\\([\s\S])", r"\1", value) if "\\" in value else value


def _number(text: str, start: int) -> Token:
    match = _NUMBER.match(text, start + 1)
    end = match.end() if match else start + 1
    digits = text[start + 1 : end]
    dot = digits.find(".")
    if dot >= 0:
        if _ends_at(text, start + 2 + dot):
            raise FqlError("A digit has to follow the decimal point.", start + 1 + dot)
        if digits.count(".") > 1:
            raise FqlError("A number has one decimal point at most.", start + 1 + digits.index(".", dot + 1))
    if len(digits) >= LENGTH_LIMIT:
        raise FqlError(f"A number has to be shorter than {LENGTH_LIMIT:,} digits.", start)
    return Token("number", text[start:end], start, end)


def _string(text: str, start: int, quote: str) -> Token:
    closing = text.find(quote, start + 1)
    if closing < 0:
        raise FqlError(f"The text that starts with {quote} has no closing {quote}.", start)
    value = text[start : closing + 1]
    if utf16_length(value) - 2 >= LENGTH_LIMIT:
        raise FqlError(f"A text has to be shorter than {LENGTH_LIMIT:,} characters.", start)
    return Token("string", value, start, closing + 1, is_sealed=_ends_at(text, closing + 1))
