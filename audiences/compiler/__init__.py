"""Conditions as SQL over a scope of profiles: the twin of `engine.conditions.evaluate`.

compile_audiences(space_id, [CompiledInput(audience_id=, condition=, include_anonymous=, historical_from=)], scope, now,
                  *, references=References(...), changed_only=False) -> Query(sql, params)
preview_query(space_id, condition, now, *, options=Options(...), scope=None, references=..., sample_size=20) -> Query
in_statements([CompiledInput, …]) -> groups that one compile_audiences call can take (about 450 nodes each)
scope: Everyone() | TheseProfiles(ids=[...]) | IdRange(first=, last=)

Run with `cursor.execute(query.sql, query.params)`, over other scopes than TheseProfiles after WIDE_SCOPES and before
ANY_SCOPE. What the rows are: `queries`. A missing reference: CompileError.
"""

from __future__ import annotations

from audiences.compiler.builder import ANY_SCOPE, WIDE_SCOPES
from audiences.compiler.queries import CompiledInput, compile_audiences, in_statements, preview_query
from audiences.compiler.references import NO_REFERENCES, References
from audiences.compiler.scopes import Everyone, IdRange, Scope, TheseProfiles
from audiences.compiler.statement import CompileError, Query

__all__ = [
    "ANY_SCOPE",
    "NO_REFERENCES",
    "WIDE_SCOPES",
    "CompileError",
    "CompiledInput",
    "Everyone",
    "IdRange",
    "Query",
    "References",
    "Scope",
    "TheseProfiles",
    "compile_audiences",
    "in_statements",
    "preview_query",
]
