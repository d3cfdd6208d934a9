"""The Profile API (ingestion-and-profiles.md §5): `/v1/spaces/<space id>/collections/…`, as Segment's clients call it.

It reads what profiles, audiences and journeys know of a person, so it stands above them all.
"""

from __future__ import annotations
