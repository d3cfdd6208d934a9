"""Engage's calls as rows of a warehouse (destinations-and-sync.md §12): names, types, rows. Plain Python."""

from __future__ import annotations
