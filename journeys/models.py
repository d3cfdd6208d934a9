"""Journeys: nothing is stored yet; the app holds their place in the import order."""

from __future__ import annotations
