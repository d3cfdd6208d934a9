"""The reserved members of a field mapping: batching, sync mode, matching key, what hooks stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from destinations.kit.definition import HOOK_KEYS, MATCHING_KEY, SYNC_MODE_KEY, SYNC_MODES, Action
from engine.jstext import text

DEFAULT_BATCH_SIZE = 1_000
DEFAULT_BATCH_BYTES = 4_000_000


class Steering(msgspec.Struct, frozen=True, kw_only=True):
    """How the runs of one mapping behave. `sync_mode` is None for actions that declare none.

    `batch_size` and `batch_bytes` bound one batch; `batch_keys` are fields whose values keep batches apart.
    """

    sync_mode: str | None = None
    matching_key: str | None = None
    hooks: Mapping[str, Mapping[str, Any]] = msgspec.field(default_factory=dict)
    is_batched: bool = False
    batch_size: int = DEFAULT_BATCH_SIZE
    batch_bytes: int = DEFAULT_BATCH_BYTES
    batch_keys: tuple[str, ...] = ()


def read_steering(
    action: Action, mapping: Mapping[str, Any], *, batch_size: int = DEFAULT_BATCH_SIZE, always_batched: bool = False
) -> Steering:
    """The reserved members of `mapping`, with the action's defaults where they are missing.

    `batch_size` is that of mappings that do not say; with `always_batched` (list destinations) it is also the most.
    """
    defaults = {field.key: field.default for field in action.fields}

    def told(key: str) -> Any:
        return mapping[key] if mapping.get(key) is not None else defaults.get(key)

    mode, matching = mapping.get(SYNC_MODE_KEY), mapping.get(MATCHING_KEY)
    keys = told("batch_keys")
    hooks = {
        key: mapping[key]["outputs"]
        for key in HOOK_KEYS
        if isinstance(mapping.get(key), dict) and isinstance(mapping[key].get("outputs"), dict)
    }
    size = _whole(told("batch_size"), batch_size)
    return Steering(
        sync_mode=mode if action.sync_mode is not None and mode in SYNC_MODES else None,
        matching_key=text(matching) if matching else None,
        hooks=hooks,
        is_batched=action.perform_batch is not None and (always_batched or mapping.get("enable_batching") is True),
        batch_size=size,
        batch_bytes=_whole(told("batch_bytes"), DEFAULT_BATCH_BYTES),
        batch_keys=tuple(str(key) for key in keys) if isinstance(keys, list) else (),
    )


def _whole(value: Any, default: int) -> int:
    return int(value) if isinstance(value, int | float) and value >= 1 else default
