"""Destinations written in JavaScript, run in an embedded QuickJS (docs/filters-and-functions.md).

`runtime` runs a handler, `definitions` makes a connector of a function, so that everything else (settings, audiences,
tester, workers) treats it like any other.
"""

from __future__ import annotations
