"""Tests of the launcher; those of whole servers start real ones in folders of their own."""

from __future__ import annotations
