"""Which tone and word a status shows (ux.md §3, Badges). Plain data; `ui.py` renders it."""

from __future__ import annotations

TONES: dict[str, str] = {
    **dict.fromkeys(
        (
            "live",
            "connected",
            "delivered",
            "published",
            "enabled",
            "active",
            "ok",
            "success",
            "succeeded",
            "completed",
            "stored",
        ),
        "green",
    ),
    **dict.fromkeys(
        ("preparing", "computing", "publishing", "in flight", "running", "queued", "pending", "syncing"), "blue"
    ),
    **dict.fromkeys(("paused", "draining", "retrying", "degraded", "waiting"), "amber"),
    **dict.fromkeys(("failed", "dead letter", "invalid", "rejected", "error"), "red"),
    **dict.fromkeys(
        ("draft", "disabled", "disconnected", "not computing", "filtered", "archived", "superseded", "canceled"), "grey"
    ),
}


def status_words(status: object) -> str:
    """`in_flight` and `In-flight` become "in flight": lower case, words parted by one space."""
    return " ".join(str(status).replace("_", " ").replace("-", " ").lower().split())


def tone_of(status: object) -> str:
    """green, blue, amber, red or grey; a status nobody listed is grey."""
    return TONES.get(status_words(status), "grey")
