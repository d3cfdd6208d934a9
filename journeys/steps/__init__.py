"""How each type of step looks in the builder and reads its form: one module a type, found in `registry`."""

from __future__ import annotations
