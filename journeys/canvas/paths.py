"""The lines between cards as SVG paths: straight down, or around corners with a radius."""

from __future__ import annotations

RADIUS = 10


def down(x1: int, y1: int, x2: int, y2: int, *, turn: int) -> str:
    """From below one card to above another, turning `turn` px below the first."""
    if x1 == x2:
        return f"M{x1} {y1}V{y2}"
    radius = min(RADIUS, abs(x2 - x1) // 2, turn, max(1, y2 - y1 - turn))
    side = 1 if x2 > x1 else -1
    level = y1 + turn
    return (
        f"M{x1} {y1}V{level - radius}Q{x1} {level} {x1 + side * radius} {level}"
        f"H{x2 - side * radius}Q{x2} {level} {x2} {level + radius}V{y2}"
    )


def across(source: tuple[int, int, int, int], target: tuple[int, int, int, int], *, lane: int) -> str:
    """From the bottom of a box (x, y, width, height) to the nearer side of another.

    Down the column of the source, which is free (nothing follows a connect), over in the gap above the target, and
    into its side from the lane beside it. A target that stands higher is reached from below the source.
    """
    x1, y1 = source[0] + source[2] // 2, source[1] + source[3]
    is_right = x1 > target[0] + target[2] // 2
    side = 1 if is_right else -1
    edge = target[0] + target[2] if is_right else target[0]
    x2, y2 = edge + side * lane, target[1] + min(36, target[3] // 2)
    level = max(y1 + RADIUS + 4, target[1] - RADIUS - 1)
    radius = min(RADIUS, abs(x1 - x2) // 2, abs(level - y2) // 2)
    inward = -1 if x1 > x2 else 1
    vertical = 1 if y2 > level else -1
    return (
        f"M{x1} {y1}V{level - radius}Q{x1} {level} {x1 + inward * radius} {level}"
        f"H{x2 - inward * radius}Q{x2} {level} {x2} {level + vertical * radius}"
        f"V{y2 - vertical * radius}Q{x2} {y2} {x2 - side * radius} {y2}H{edge + side * 3}"
    )
