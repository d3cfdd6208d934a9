"""Deleting and suppressing people (ingestion-and-profiles.md §9): `requests` takes a request, `job` carries it out.

`tables` names every table of the database and says what becomes of the person there; a test holds it complete.
"""

from __future__ import annotations
