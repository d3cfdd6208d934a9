"""Mappings: from an event to the payload of an action (spec: mapping kit)."""

from __future__ import annotations
