"""How JavaScript writes and reads values; triggers and mappings follow its rules (spec: mapping kit, section 6)."""

from __future__ import annotations

import math
import re
from typing import Any

_NUMERIC = re.compile(r"[+-]?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)\Z", re.ASCII)
_PREFIXED = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)\Z", re.ASCII)
_INDEX_DIGITS = 10
# What JavaScript trims: its white space and line ends. str.strip() would also trim \x1c-\x1f and \x85.
JS_BLANKS = "\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(map(chr, range(0x2000, 0x200B)))


class _Undefined:
    """A value that is not there, as opposed to null. There is one: compare with `is`."""

    def __repr__(self) -> str:
        return "UNDEFINED"

    def __bool__(self) -> bool:
        return False


UNDEFINED: Any = _Undefined()


def number_text(value: float) -> str:
    """`7.0` -> `7`, `1e-07` -> `1e-7`, `1e16` -> `10000000000000000`. Integers below 1e21 are kept exact."""
    if isinstance(value, int) and -(10**21) < value < 10**21:
        return str(int(value))
    if isinstance(value, int) and abs(value) > _LARGEST:
        value = math.inf if value > 0 else -math.inf
    value = float(value)
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else f"{'-' if value < 0 else ''}Infinity"
    if value == int(value) and abs(value) < 1e21:
        return _whole_text(value)
    mantissa, _, exponent = repr(value).partition("e")
    return _with_exponent(mantissa, int(exponent)) if exponent else mantissa


def _whole_text(value: float) -> str:
    if abs(value) < 2**53:
        return str(int(value))
    # Beyond 2^53 JavaScript writes the shortest digits that read back, filled up with zeros.
    mantissa, _, exponent_text = repr(value).partition("e")
    if not exponent_text:
        return mantissa.removesuffix(".0")
    whole, _, fraction = mantissa.partition(".")
    return whole + fraction.ljust(int(exponent_text), "0")


def _with_exponent(mantissa: str, exponent: int) -> str:
    mantissa = mantissa.removesuffix(".0")
    if exponent < -6:
        return f"{mantissa}e-{-exponent}"
    if exponent < 0:
        # repr changes to exponents below 1e-4, JavaScript below 1e-6.
        sign = "-" if mantissa.startswith("-") else ""
        digits = mantissa.lstrip("-").replace(".", "")
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    return f"{mantissa}e+{exponent}"


_LARGEST = int(1.7976931348623157e308)


def to_number(value: Any) -> float:
    """What `Number(value)` gives: blank text and null are 0, unreadable text is NaN, lists go by their text."""
    if value is None:
        return 0
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, str):
        return text_to_number(value)
    if isinstance(value, list):
        return text_to_number(text(value))
    return math.nan


def text_to_number(value: str) -> float:
    """Read a number as JavaScript does. Whole numbers come back as int."""
    value = value.strip(JS_BLANKS)
    if not value:
        return 0
    if _NUMERIC.match(value):
        return _compact(float(value)) if len(value) > 15 or not value.isdigit() else int(value)
    if _PREFIXED.match(value):
        return _compact(float(int(value, 0)))
    if value in ("Infinity", "+Infinity"):
        return math.inf
    return -math.inf if value == "-Infinity" else math.nan


def _compact(value: float) -> float:
    return int(value) if math.isfinite(value) and value == int(value) and abs(value) < 2**53 else value


def text(value: Any) -> str:
    """What `String(value)` gives for a JSON value. Null is `null` here, but empty inside a list."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, (int, float)):
        return number_text(value)
    if isinstance(value, (list, tuple)):
        return ",".join("" if item is None or item is UNDEFINED else text(item) for item in value)
    return "[object Object]"


def utf16_length(value: str) -> int:
    """The length JavaScript sees: characters beyond U+FFFF count twice."""
    return len(value) if value.isascii() else len(value) + sum(1 for char in value if char > "\uffff")


def member(value: list[Any] | str, key: str, missing: Any) -> Any:
    """`value[key]` as JavaScript finds it: `length`, or an index written without leading zeros; else `missing`."""
    if key == "length":
        return utf16_length(value) if isinstance(value, str) else len(value)
    if not (key.isascii() and key.isdecimal()) or len(key) > _INDEX_DIGITS or (key[0] == "0" and key != "0"):
        return missing
    index = int(key)
    if isinstance(value, str) and not value.isascii():
        units = value.encode("utf-16-le", "surrogatepass")
        unit = units[2 * index : 2 * index + 2]
        # Half a character cannot be sent as UTF-8: it becomes U+FFFD here, as it does on JavaScript's way out.
        return unit.decode("utf-16-le", "replace") if unit else missing
    return value[index] if index < len(value) else missing
