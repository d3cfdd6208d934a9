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
    """From the bottom of a box (x, y, width, height) to the nearer side of another, along the gap beside it."""
    x1, y1 = source[0] + source[2] // 2, source[1] + source[3]
    is_right = x1 > target[0] + target[2] // 2
    edge = target[0] + target[2] if is_right else target[0]
    y2 = target[1] + min(36, target[3] // 2)
    side = 1 if is_right else -1
    x2 = edge + side * lane
    level = y1 + RADIUS + 4
    if abs(x1 - x2) < 2 * RADIUS or abs(level - y2) < 2 * RADIUS:
        return f"M{x1} {y1}V{level}L{x2} {level}L{x2} {y2}H{edge + side * 3}"
    inward = -1 if x1 > x2 else 1
    vertical = 1 if y2 > level else -1
    return (
        f"M{x1} {y1}V{level - RADIUS}Q{x1} {level} {x1 + inward * RADIUS} {level}"
        f"H{x2 - inward * RADIUS}Q{x2} {level} {x2} {level + vertical * RADIUS}"
        f"V{y2 - vertical * RADIUS}Q{x2} {y2} {x2 - side * RADIUS} {y2}H{edge + side * 3}"
    )
