"""Whether a text is one SELECT. Databases are told to write nothing anyway; this says so before they are asked."""

from __future__ import annotations

import re

# Comments, quoted texts and names, dollar quotes: what is inside means nothing here.
_OPAQUE = re.compile(
    r"--[^\n]*|/\*.*?(?:\*/|\Z)|'(?:[^']|'')*(?:'|\Z)|\"(?:[^\"]|\"\")*(?:\"|\Z)|\$(?P<tag>[A-Za-z_]*)\$.*?(?:\$(?P=tag)\$|\Z)",
    re.DOTALL,
)
_FIRST_WORD = re.compile(r"[\s(]*([A-Za-z]+)")
ALLOWED = frozenset({"select", "with", "from", "values", "table"})


def statement_problem(query: str) -> str:
    """What keeps the query from being run, "" when it is one SELECT (or WITH … SELECT)."""
    bare = _OPAQUE.sub(lambda match: " " if match.group().startswith(("--", "/*")) else "''", query).strip()
    bare = bare.rstrip(";").strip() if bare.endswith(";") else bare
    if not bare:
        return "The query is empty. Write a SELECT."
    if ";" in bare:
        return "Write one statement: what follows the semicolon is another one."
    first = _FIRST_WORD.match(bare)
    word = first.group(1).lower() if first else ""
    if word not in ALLOWED:
        return f"The query begins with {word.upper() or bare[:20]}. Only a SELECT is run, and nothing that writes."
    return ""


def trimmed(query: str) -> str:
    """The query without what ends it, so that it can be part of another statement."""
    found = query.strip()
    while found.endswith(";"):
        found = found[:-1].rstrip()
    return found
