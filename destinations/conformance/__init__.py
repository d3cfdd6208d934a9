"""Running files of recorded cases (triggers, mappings, the framework, connectors) and counting what passes."""

from __future__ import annotations
