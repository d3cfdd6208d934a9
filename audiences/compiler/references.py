"""What conditions name besides events and traits, resolved: audiences, and steps of journeys (an app above this one).

A user is in an account audience when an account of theirs is in it (audiences-and-traits.md §3.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class References:
    """Row ids by key and by id. `account_audiences` are the row ids of those whose members are accounts.

    `step_members` is SQL of (profile_id, step_id) of who is in the steps: a text with the places {space}, {steps} (an
    array) and {scope} (further tests, each with AND, of `p.profile_id`).
    """

    audiences: Mapping[str, int] = field(default_factory=dict)
    account_audiences: frozenset[int] = frozenset()
    steps: Mapping[str, int] = field(default_factory=dict)
    step_members: str = ""


NO_REFERENCES = References()
