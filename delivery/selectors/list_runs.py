"""Which pending changes of a list belong to the run that is under way."""

from __future__ import annotations


def in_run(change: str) -> str:
    """SQL: whether a row of `list_change` with this alias is part of a run that is not over.

    A run holds what was there when it began (`up_to_id`) and due then; nothing is written on the rows themselves, so
    that beginning costs the same for ten changes and for a million.
    """
    run = f"r.connection_id = {change}.connection_id AND r.state = 'running' AND {change}.id <= r.up_to_id"
    due = f"({change}.next_attempt_at IS NULL OR {change}.next_attempt_at <= r.taken_at)"
    return f"EXISTS (SELECT FROM delivery_listsync r WHERE {run} AND {due})"
