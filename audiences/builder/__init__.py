"""The sentence builder without pages: a definition as rows of a form, and back. Plain data, no database.

rows_of(definition) -> Group                  `reading`: what the form cannot say is kept as it is (RawRow)
written(group) -> Written                     `writing`: the definition, where each part of it is in the form, problems
from_fields(fields) / to_fields(group)        `fields`: the tree as named form fields, tolerant of what is missing
apply(group, op) -> place to focus            `operations`: add, remove, move, duplicate, wrap, AND/OR
"""

from __future__ import annotations
