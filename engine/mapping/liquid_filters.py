"""The filters of `@liquid`, with the results of LiquidJS (spec: mapping kit, section 4).

Every value a filter makes is limited in size. With loops disabled and a template of 1,000 characters, that bounds
the time a template can take as well, without a clock. Filters that need a clock or chance are not offered.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import math
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

from liquid.exceptions import FilterArgumentError
from liquid.undefined import Undefined

from engine.jstext import JS_BLANKS, text, to_number, utf16_length
from engine.mapping.directives import encode_json
from engine.mapping.liquid_dates import format_date

SIZE_LIMIT = 1_000_000

DISABLED = (
    "array_to_sentence_string", "concat", "find", "find_exp", "find_index", "find_index_exp", "group_by",
    "group_by_exp", "has", "has_exp", "map", "newline_to_br", "reject", "reject_exp", "reverse", "sort",
    "sort_natural", "uniq", "where_exp", "type",
)  # fmt: skip
WITHOUT_CHANCE = ("sample",)

_SPACES = re.compile(r"[\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]+")
_URI_SAFE = "!*'()~"
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_WORD = re.compile(r"[^a-zA-Z0-9]+")


def liquid_text(value: Any) -> str:
    """How a value is written: lists without separator, objects as JavaScript shows them."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, Undefined):
        return ""
    if isinstance(value, (list, tuple)):
        return "".join(map(liquid_text, value))
    if isinstance(value, range):
        return "".join(map(str, value))
    return text(value)


def as_filter(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a filter of a plain function: missing becomes None, oversize and misuse become Liquid errors."""

    def run(value: Any, *arguments: Any, **options: Any) -> Any:
        if isinstance(value, Undefined) and name in ("json", "jsonify", "inspect"):
            return None
        given = [None if isinstance(item, Undefined) else item for item in (value, *arguments)]
        try:
            result = function(*given, **options)
        except (TypeError, ValueError, OverflowError) as error:
            raise FilterArgumentError(f'The filter "{name}" cannot take these values.', token=None) from error
        if isinstance(result, (str, list)) and len(result) > SIZE_LIMIT:
            raise FilterArgumentError(f'The filter "{name}" makes more than {SIZE_LIMIT:,} characters.', token=None)
        return result

    return run


def refuse(name: str) -> Callable[..., Any]:
    """A filter that fails when it is reached."""

    def run(*_: Any, **__: Any) -> Any:
        raise FilterArgumentError(f'The filter "{name}" is disabled.', token=None)

    return run


def _number(value: Any) -> float:
    """What is no number counts as 0, lists and objects as well."""
    number = 0 if value is None or isinstance(value, (list, dict)) else to_number(value)
    return 0 if math.isnan(number) else number


def _whole(value: float) -> float:
    """Numbers have the range of JavaScript's: no integer grows without end."""
    value = float(value)
    return int(value) if math.isfinite(value) and value == int(value) and abs(value) < 2**53 else value


def _divided_by(value: Any, by: Any, whole: Any = False) -> float:
    dividend, divisor = float(_number(value)), float(_number(by))
    if divisor == 0:
        sign = math.copysign(1, dividend) * math.copysign(1, divisor)
        return math.nan if dividend == 0 or math.isnan(dividend) else sign * math.inf
    return _whole(math.floor(dividend / divisor) if whole else dividend / divisor)


def _modulo(value: Any, by: Any) -> float:
    dividend, divisor = _number(value), _number(by)
    if divisor == 0 or not math.isfinite(dividend):
        return math.nan
    return _whole(dividend % divisor)


def _round(value: Any, digits: Any = 0) -> float:
    scale, number = 10.0 ** _number(digits), _number(value)
    return _whole(math.copysign(math.floor(abs(number) * scale + 0.5) / scale, number))


def _rounded(function: Callable[[float], int]) -> Callable[[Any], float]:
    def run(value: Any) -> float:
        number = _number(value)
        return _whole(function(number)) if math.isfinite(number) else number

    return run


def _size(value: Any) -> int:
    if isinstance(value, str):
        return utf16_length(value)
    return len(value) if isinstance(value, (list, tuple)) else 0


def _items(value: Any) -> list[Any]:
    if value is None:
        return []
    if isinstance(value, (list, tuple, range)):
        return list(value)
    return [value]


def _join(value: Any, separator: Any = " ") -> str:
    parts = [liquid_text(item) for item in _items(value)]
    glue = liquid_text(separator)
    if sum(map(len, parts)) + len(glue) * len(parts) > SIZE_LIMIT:
        raise FilterArgumentError(f'The filter "join" makes more than {SIZE_LIMIT:,} characters.', token=None)
    return glue.join(parts)


def _default(value: Any, other: Any = "", *, allow_false: bool = False) -> Any:
    if isinstance(value, (str, list)):
        return value or other
    if value is False and allow_false:
        return value
    return other if value is None or value is False else value


def _slice(value: Any, begin: Any, length: Any = 1) -> Any:
    if value is None:
        return []
    whole: Any = value if isinstance(value, list) else liquid_text(value)
    start, count = int(_number(begin)), int(_number(length))
    if start < 0:
        start += len(whole)
    return whole[start : start + count] if start >= 0 else whole[:0]


def _split(value: Any, separator: Any = "") -> list[str]:
    whole, glue = liquid_text(value), liquid_text(separator)
    parts = whole.split(glue) if glue else list(whole)
    while parts and not parts[-1]:
        parts.pop()
    return parts


def _replace(value: Any, old: Any, new: Any = "") -> str:
    whole, pattern, by = liquid_text(value), liquid_text(old), liquid_text(new)
    found = whole.count(pattern)
    if not pattern:
        # JavaScript splits at every character here, without the ends.
        found = max(0, len(whole) - 1)
    if len(whole) + found * (len(by) - len(pattern)) > SIZE_LIMIT:
        raise FilterArgumentError(f'The filter "replace" makes more than {SIZE_LIMIT:,} characters.', token=None)
    return whole.replace(pattern, by) if pattern else by.join(whole)


def _replace_last(value: Any, old: Any, new: Any = "") -> str:
    whole, pattern = liquid_text(value), liquid_text(old)
    before, found, after = whole.rpartition(pattern) if pattern else ("", "", whole)
    return before + liquid_text(new) + after if found else whole


def _remove(value: Any, pattern: Any) -> str:
    return _replace(value, pattern)


def _remove_last(value: Any, pattern: Any) -> str:
    return _replace_last(value, pattern)


def _truncate(value: Any, length: Any = 50, ending: Any = "...") -> str:
    whole, tail, limit = liquid_text(value), liquid_text(ending), int(_number(length))
    return whole if len(whole) <= limit else whole[: max(0, limit - len(tail))] + tail


def _truncatewords(value: Any, count: Any = 15, ending: Any = "...") -> str:
    words, limit = _SPACES.split(liquid_text(value)), max(1, int(_number(count)))
    return " ".join(words[:limit]) + (liquid_text(ending) if len(words) > limit else "")


def _strip_html(value: Any) -> str:
    whole, kept, at = liquid_text(value), [], 0
    while (opening := whole.find("<", at)) >= 0:
        kept.append(whole[at:opening])
        start = whole[opening : opening + 7].lower()
        block = next((tag for tag in ("script", "style") if start.startswith(f"<{tag}")), None)
        end = _end_of(whole, opening, f"</{block}>") if block else -1
        if end < 0 and start.startswith("<!--"):
            end = _end_of(whole, opening, "-->")
        if end < 0:
            end = _end_of(whole, opening, ">")
        if end < 0:
            at = opening
            break
        at = end
    return "".join(kept) + whole[at:]


def _end_of(whole: str, start: int, closing: str) -> int:
    found = whole.find(closing, start)
    return found + len(closing) if found >= 0 else -1


def _strip(value: Any, characters: Any = None) -> str:
    return liquid_text(value).strip(liquid_text(characters) or JS_BLANKS)


def _lstrip(value: Any, characters: Any = None) -> str:
    return liquid_text(value).lstrip(liquid_text(characters) or JS_BLANKS)


def _rstrip(value: Any, characters: Any = None) -> str:
    return liquid_text(value).rstrip(liquid_text(characters) or JS_BLANKS)


def _escape(value: Any) -> str:
    written = liquid_text(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return written.replace('"', "&#34;").replace("'", "&#39;")


def _where(value: Any, key: Any, expected: Any = None) -> list[Any]:
    found = []
    for item in _items(value):
        member = item.get(liquid_text(key)) if isinstance(item, dict) else None
        if (member is not None and member is not False) if expected is None else member == expected:
            found.append(item)
    return found


def _sum(value: Any, key: Any = None) -> float:
    items = _items(value)
    if key is not None:
        items = [item.get(liquid_text(key)) if isinstance(item, dict) else None for item in items]
    return _whole(sum(number for number in map(_number, items) if not math.isnan(number)))


def _base64_decode(value: Any) -> str:
    encoded = liquid_text(value)
    if not _BASE64.fullmatch(encoded):
        raise ValueError("This is no base64.")
    return base64.b64decode(encoded.rstrip("=") + "=" * (-len(encoded.rstrip("=")) % 4)).decode("utf-8", "replace")


def _hmac_sha256(value: Any, key: Any) -> str:
    return hmac.new(liquid_text(key).encode(), liquid_text(value).encode(), hashlib.sha256).hexdigest()


def _slugify(value: Any, mode: Any = "default", is_cased: Any = False) -> str:
    whole = liquid_text(value)
    slug = whole if mode == "none" else _WORD.sub("-", whole).strip("-")
    return slug if is_cased else slug.lower()


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, (list, str)) and value else ""


def _last(value: Any) -> Any:
    return value[-1] if isinstance(value, (list, str)) and value else ""


def _url_encode(value: Any) -> str:
    return quote(liquid_text(value), safe=_URI_SAFE).replace("%20", "+")


FILTERS: dict[str, Callable[..., Any]] = {
    "abs": lambda value: abs(_number(value)),
    "append": lambda value, other="": liquid_text(value) + liquid_text(other),
    "at_least": lambda value, other: max(_number(value), _number(other)),
    "at_most": lambda value, other: min(_number(value), _number(other)),
    "base64_decode": _base64_decode,
    "base64_encode": lambda value: base64.b64encode(liquid_text(value).encode()).decode(),
    "capitalize": lambda value: liquid_text(value)[:1].upper() + liquid_text(value)[1:].lower(),
    "ceil": _rounded(math.ceil),
    "cgi_escape": lambda value: quote(liquid_text(value), safe="~").replace("%20", "+"),
    "compact": lambda value: [item for item in _items(value) if item is not None],
    "date": format_date,
    "default": _default,
    "divided_by": _divided_by,
    "downcase": lambda value: liquid_text(value).lower(),
    "escape": _escape,
    "escape_once": lambda value: _escape(html.unescape(liquid_text(value))),
    "first": _first,
    "floor": _rounded(math.floor),
    "hmac_sha256": _hmac_sha256,
    "inspect": lambda value, *_: encode_json(value),
    "join": _join,
    "json": lambda value, *_: encode_json(value),
    "jsonify": lambda value, *_: encode_json(value),
    "last": _last,
    "lstrip": _lstrip,
    "minus": lambda value, other: _whole(_number(value) - _number(other)),
    "modulo": _modulo,
    "normalize_whitespace": lambda value: _SPACES.sub(" ", liquid_text(value)),
    "number_of_words": lambda value, *_: len(liquid_text(value).split()),
    "plus": lambda value, other: _whole(_number(value) + _number(other)),
    "pop": lambda value: _items(value)[:-1],
    "prepend": lambda value, other="": liquid_text(other) + liquid_text(value),
    "push": lambda value, item: [*_items(value), item],
    "raw": lambda value: value,
    "remove": _remove,
    "remove_first": lambda value, pattern: liquid_text(value).replace(liquid_text(pattern), "", 1),
    "remove_last": _remove_last,
    "replace": _replace,
    "replace_first": lambda value, old, new="": liquid_text(value).replace(liquid_text(old), liquid_text(new), 1),
    "replace_last": _replace_last,
    "round": _round,
    "rstrip": _rstrip,
    "sha256": lambda value: hashlib.sha256(liquid_text(value).encode()).hexdigest(),
    "shift": lambda value: _items(value)[1:],
    "size": _size,
    "slice": _slice,
    "slugify": _slugify,
    "split": _split,
    "squish": lambda value: _SPACES.sub(" ", liquid_text(value).strip(JS_BLANKS)),
    "strip": _strip,
    "strip_html": _strip_html,
    "strip_newlines": lambda value: re.sub(r"\r?\n", "", liquid_text(value)),
    "sum": _sum,
    "times": lambda value, other: _whole(float(_number(value)) * _number(other)),
    "to_integer": lambda value: _whole(math.nan if value is None else to_number(value)),
    "truncate": _truncate,
    "truncatewords": _truncatewords,
    "unshift": lambda value, item: [item, *_items(value)],
    "upcase": lambda value: liquid_text(value).upper(),
    "uri_escape": lambda value: quote(liquid_text(value), safe=";,/?:@&=+$-_.!~*'()#[]"),
    "url_decode": lambda value: unquote(liquid_text(value).replace("+", " ")),
    "url_encode": _url_encode,
    "where": _where,
    "xml_escape": _escape,
}
