"""From a mapping to a function; how each directive is written (spec: mapping kit, section 4)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from engine.jstext import UNDEFINED, utf16_length
from engine.mapping import directives
from engine.mapping.errors import MappingError, pointer
from engine.mapping.liquid import compile_liquid
from engine.mapping.paths import event_path, walk
from engine.mapping.validate import ROOT_DIRECTIVE, describe, root_directive_problem, unwrap_root, validate
from engine.mapping.writer import Body, WriteDirective, Writer, Written, is_directive

CACHE_SIZE = 1024


class CompiledMapping:
    """A mapping ready to be resolved. `resolve(event)` gives the payload."""

    __slots__ = ("_function", "mapping")

    def __init__(self, mapping: dict[str, Any], function: Callable[[Any], Any]) -> None:
        self.mapping = mapping
        self._function = function

    def resolve(self, payload: Any = UNDEFINED) -> Any:
        """The payload for an event. Values of the event are shared, not copied: treat them as read-only.

        UNDEFINED when the mapping's root is a directive that yields nothing. Raises MappingError.
        """
        if type(payload) is not dict:
            if payload is UNDEFINED:
                payload = {}
            elif not isinstance(payload, dict):
                raise MappingError(f"An event has to be an object, not {describe(payload)}.")
            else:
                payload = dict(payload)
        try:
            return self._function(payload)
        except RecursionError:
            raise MappingError("The event is nested too deeply for this mapping.") from None


def compile_mapping(mapping: Any) -> CompiledMapping:
    """Validate and compile. Raises MappingError with all problems when the mapping is none."""
    if isinstance(mapping, dict) and ROOT_DIRECTIVE in mapping:
        message = root_directive_problem(mapping[ROOT_DIRECTIVE])
        if message:
            raise MappingError(message, path=f"/{ROOT_DIRECTIVE}")
    problems = validate(mapping)
    if problems:
        first, others = problems[0], len(problems) - 1
        message = f"{first.message} ({others} more)" if others else first.message
        raise MappingError(message, path=first.path, phase="validation", problems=problems)
    root = unwrap_root(mapping) if ROOT_DIRECTIVE in mapping else mapping
    writer = Writer(_DIRECTIVES)
    name = writer.function(root, "", raw=False, is_event=True)
    exec("\n".join(writer.functions), writer.namespace)  # noqa: S102 - see the writer's docstring
    return CompiledMapping(mapping, writer.namespace[name])


# Keyed by identity. Each entry keeps its mapping alive, so that no other object can get its id, and a copy, so
# that a mapping changed in place is noticed.
_cache: OrderedDict[int, tuple[Any, Any, CompiledMapping]] = OrderedDict()


def resolve(mapping: Any, payload: Any = UNDEFINED) -> Any:
    """Resolve a mapping against an event. The compiled form is kept for the next event of the same mapping."""
    entry = _cache.get(id(mapping))
    if entry is not None and entry[1] == mapping:
        return entry[2].resolve(payload)
    compiled = compile_mapping(mapping)
    _cache[id(mapping)] = (mapping, deepcopy(mapping), compiled)
    if len(_cache) > CACHE_SIZE:
        _cache.popitem(last=False)
    return compiled.resolve(payload)


def _finish(writer: Writer, code: str, *, raw: bool, is_clean: bool, is_sure: bool = False) -> Written:
    """Wrap a result whose members may be missing, unless the directive around it wants to see them."""
    if raw or is_clean:
        return Written(code, is_sure=is_sure, is_clean=is_clean)
    cleaned = f"{writer.constant(directives.clean)}({code})"
    if is_sure:
        return Written(cleaned, is_sure=True)
    return Written(f"(U if (t := {code}) is U else {writer.constant(directives.clean)}(t))")


def _options(options: Any, name: str, at: str, writer: Writer) -> Written | None:
    """The failure to write when the options are no object; only lists let such a directive through."""
    if isinstance(options, dict):
        return None
    return writer.failure(f"{name} needs an object of options, not {describe(options)}.", at)


def _path(writer: Writer, path: Any, at: str, body: Body, raw: bool) -> Written:
    if isinstance(path, str):
        pieces = event_path(path)
        return Written(writer.read(pieces, body), is_sure=not pieces and body.is_event)
    inner = writer.expression(path, at, body, raw=raw)
    return Written(f"{writer.constant(_read_given)}({inner.code}, p, {at!r})")


def _read_given(path: Any, payload: Any, at: str) -> Any:
    if not isinstance(path, str):
        raise MappingError(f"The path has to be a text, but it is {_found(path)}.", path=at)
    return walk(payload, event_path(path))


def _template(writer: Writer, template: Any, at: str, body: Body, raw: bool) -> Written:
    if not isinstance(template, str):
        inner = writer.expression(template, at, body, raw=raw)
        return Written(f"{writer.constant(_render_given)}({inner.code}, p, {at!r})", is_sure=True)
    parts, is_expanded_again = directives.template_parts(template)
    codes = []
    as_text = writer.constant(directives.as_text)
    for part in parts:
        if isinstance(part, str):
            codes.append(repr(part))
        else:
            value = writer.name("v")
            codes.append(f"({value} if type({value} := {writer.read(part, body)}) is str else {as_text}({value}))")
    code = f"({' + '.join(codes)})" if codes else "''"
    if is_expanded_again:
        code = f"{writer.constant(directives.expand)}({code}, p)"
    return Written(code, is_sure=True)


def _render_given(template: Any, payload: Any, at: str) -> str:
    if not isinstance(template, str):
        raise MappingError(f"The template has to be a text, but it is {_found(template)}.", path=at)
    return directives.render_template(template, payload)


def _found(value: Any) -> str:
    return "missing" if value is UNDEFINED else describe(value)


def _literal(writer: Writer, value: Any, at: str, body: Body, raw: bool) -> Written:
    return writer.expression(value, at, body, raw=raw)


def _if(writer: Writer, options: Any, at: str, body: Body, raw: bool) -> Written:
    failure = _options(options, "@if", at, writer)
    if failure:
        return failure
    if not _is_truthy(options.get("exists")) and not _is_truthy(options.get("blank")):
        return writer.failure('@if needs "exists" or "blank".', at)
    test = "exists" if "exists" in options else "blank"
    value = writer.name("v")
    pieces = event_path(options[test]["@path"]) if _is_path(options[test]) else ()
    if test == "exists" and pieces:
        condition = writer.exists(pieces, body, value)
    elif test == "exists":
        tested = writer.expression(options[test], pointer(at, test), body, raw=False).code
        condition = f"({value} := {tested}) is not U and {value} is not None"
    else:
        tested = writer.expression(options[test], pointer(at, test), body, raw=False).code
        condition = f"{writer.constant(directives.is_not_blank)}({value} := {tested})"
    nothing = Written("U")
    if test == "exists" and options.get("then") == options["exists"] and _is_path(options["exists"]):
        then = Written(value)
    elif "then" in options:
        then = writer.expression(options["then"], pointer(at, "then"), body, raw=raw)
    else:
        then = nothing
    otherwise = nothing
    if _is_truthy(options.get("else")):
        otherwise = writer.expression(options["else"], pointer(at, "else"), body, raw=raw)
    return Written(
        f"({then.code} if {condition} else {otherwise.code})",
        is_sure=then.is_sure and otherwise.is_sure,
        is_clean=then.is_clean and otherwise.is_clean,
    )


def _is_path(node: Any) -> bool:
    return isinstance(node, dict) and is_directive(node) and isinstance(node.get("@path"), str)


def _is_truthy(literal: Any) -> bool:
    """Truth as JavaScript sees it: empty objects and lists are true."""
    return bool(literal) or isinstance(literal, (dict, list))


def _case(writer: Writer, options: Any, at: str, body: Body, raw: bool) -> Written:
    failure = _options(options, "@case", at, writer)
    if failure:
        return failure
    operator = options.get("operator")
    if not _is_truthy(operator):
        return writer.failure('@case needs an "operator".', at)
    if not _is_truthy(options.get("value")):
        return Written("U")
    inner = writer.expression(options["value"], pointer(at, "value"), body, raw=raw)
    value = writer.name("v")
    if operator in ("lower", "upper"):
        changed = f"{value}.{operator}()"
    else:
        changed = writer.failure('The operator has to be "lower" or "upper".', pointer(at, "operator")).code
    code = f"({changed} if type({value} := {inner.code}) is str else {value})"
    return Written(code, is_sure=inner.is_sure, is_clean=inner.is_clean)


def _replace(writer: Writer, options: Any, at: str, body: Body, raw: bool) -> Written:
    failure = _options(options, "@replace", at, writer)
    if failure:
        return failure
    if not _is_truthy(options.get("pattern")):
        return writer.failure('@replace needs a "pattern".', at)
    if not _is_truthy(options.get("value")):
        return Written("U")
    inner = writer.expression(options["value"], pointer(at, "value"), body, raw=False)
    given = {"replacement": "", "ignorecase": False, "global": True}
    given.update((key, value) for key, value in options.items() if value is not None)
    pattern, replacement = given["pattern"], given["replacement"]
    if not (
        isinstance(pattern, str)
        and isinstance(replacement, str)
        and isinstance(given["ignorecase"], bool)
        and isinstance(given["global"], bool)
    ):
        # A flag of another type got through inside a list.
        return Written(f"({inner.code}, '')[1]", is_sure=True)
    pairs = [(pattern, replacement)]
    second, by = given.get("pattern2"), given.get("replacement2", "")
    if second and isinstance(second, str) and isinstance(by, str):
        pairs.append((second, by))
    limit = directives.REPLACEMENT_LIMIT
    if any(utf16_length(part) > limit for pair in pairs for part in pair):
        message = f"@replace takes patterns and replacements of at most {limit} characters."
        return Written(f"{writer.constant(_refuse_text)}({inner.code}, {message!r}, {at!r})", is_sure=True)
    function = directives.replacer(
        *pairs[0],
        ignore_case=given["ignorecase"],
        every=given["global"],
        then=pairs[1] if len(pairs) > 1 else None,
    )
    return Written(f"{writer.bind(function)}({inner.code})", is_sure=True)


def _refuse_text(value: Any, message: str, at: str) -> str:
    if isinstance(value, (str, bool, int, float)):
        raise MappingError(message, path=at)
    return ""


def _array_path(writer: Writer, data: Any, at: str, body: Body, raw: bool) -> Written:
    if not isinstance(data, list):
        return writer.failure(f"@arrayPath needs a list, not {describe(data)}.", at)
    path = data[0] if data else UNDEFINED
    shape = data[1] if len(data) > 1 else None
    place = pointer(at, 0)
    if isinstance(path, str):
        root = Written(writer.read(event_path(path), body))
    elif path is UNDEFINED:
        root = Written("U")
    else:
        root = writer.expression(path, place, body, raw=True)
    if not isinstance(shape, dict) or not shape:
        return _finish(writer, root.code, raw=raw, is_clean=root.is_clean, is_sure=root.is_sure)
    function = writer.function(shape, pointer(at, 1), raw=raw, is_event=False)
    hole = "U" if raw else "None"
    code = f"{writer.constant(directives.each)}({root.code}, {function}, {hole})"
    return _finish(writer, code, raw=raw, is_clean=root.is_clean and not raw)


def _json(writer: Writer, options: Any, at: str, body: Body, raw: bool) -> Written:
    failure = _options(options, "@json", at, writer)
    if failure:
        return failure
    mode = options.get("mode")
    for name in ("mode", "value"):
        if not _is_truthy(options.get(name)):
            return writer.failure(f'@json needs a "{name}".', at)
    inner = writer.expression(options["value"], pointer(at, "value"), body, raw=raw or mode == "encode")
    if mode == "encode":
        return Written(f"{writer.constant(directives.encode_json)}({inner.code})", is_sure=inner.is_sure)
    if mode == "decode":
        code = f"{writer.constant(directives.decode_json)}({inner.code})"
        return Written(code, is_sure=inner.is_sure, is_clean=inner.is_clean)
    return Written(f"({inner.code}, U)[1]")


def _flatten(writer: Writer, options: Any, at: str, body: Body, raw: bool) -> Written:
    failure = _options(options, "@flatten", at, writer)
    if failure:
        return failure
    separator = options.get("separator")
    if not isinstance(separator, str) or not separator:
        return writer.failure('@flatten needs a "separator" that is not empty.', at)
    inner = writer.expression(options.get("value", {}), pointer(at, "value"), body, raw=True)
    keep_lists = _is_truthy(options.get("omitArrays"))
    code = f"{writer.constant(directives.flatten)}({inner.code}, {separator!r}, keep_lists={keep_lists})"
    return _finish(writer, code, raw=raw, is_clean=inner.is_clean, is_sure=True)


def _merge(writer: Writer, options: Any, at: str, body: Body, raw: bool) -> Written:
    failure = _options(options, "@merge", at, writer)
    if failure:
        return failure
    if not _is_truthy(options.get("direction")):
        return writer.failure('@merge needs a "direction".', at)
    operands = options.get("objects")
    if not isinstance(operands, list):
        return writer.failure('@merge needs a list of "objects".', at)
    inner = writer.expression(operands, pointer(at, "objects"), body, raw=True)
    from_left = options["direction"] == "left"
    code = f"{writer.constant(directives.merge)}({inner.code}, from_left={from_left})"
    return _finish(writer, code, raw=raw, is_clean=inner.is_clean, is_sure=True)


def _transform(writer: Writer, options: Any, at: str, body: Body, raw: bool) -> Written:
    failure = _options(options, "@transform", at, writer)
    if failure:
        return failure
    apply, mapping = options.get("apply"), options.get("mapping")
    for name in ("mapping", "apply"):
        if not _is_truthy(options.get(name)):
            return writer.failure(f'@transform needs "{name}".', at)
    if not isinstance(apply, dict):
        return writer.failure(f'"apply" of @transform has to be an object, not {describe(apply)}.', at)
    place = pointer(at, "apply")
    if ROOT_DIRECTIVE in apply:
        message = root_directive_problem(apply[ROOT_DIRECTIVE])
        if message:
            return writer.failure(message, pointer(place, ROOT_DIRECTIVE))
        apply = unwrap_root(apply)
    problems = validate(apply)
    if problems:
        # Only inside a list: everywhere else the mapping was refused as a whole.
        return writer.failure(problems[0].message, place + problems[0].path)
    first = writer.expression(apply, place, body, raw=True)
    applied = f"{writer.constant(directives.clean)}({first.code}, U)"
    if not body.is_event:
        applied = f"({writer.constant(_need_object)}(p, {at!r}), {applied})[1]"
    second = writer.function(mapping, pointer(at, "mapping"), raw=raw, is_event=False)
    # Holes in the lists of what was applied show up wherever the mapping reads them.
    return _finish(writer, f"{second}({applied})", raw=raw, is_clean=first.is_clean and not raw)


def _need_object(value: Any, at: str) -> None:
    if not isinstance(value, dict) and value is not UNDEFINED:
        raise MappingError(f"@transform needs an object to work on, not {describe(value)}.", path=at)


def _exclude_when_null(writer: Writer, value: Any, at: str, body: Body, raw: bool) -> Written:
    inner = writer.expression(value, at, body, raw=True)
    code = f"{writer.constant(directives.exclude_null)}({inner.code})"
    return _finish(writer, code, raw=raw, is_clean=False)


def _liquid(writer: Writer, template: Any, at: str, body: Body, raw: bool) -> Written:
    return Written(f"{writer.bind(compile_liquid(template, at))}(p)", is_sure=True)


_DIRECTIVES: dict[str, WriteDirective] = {
    "@path": _path,
    "@template": _template,
    "@literal": _literal,
    "@if": _if,
    "@case": _case,
    "@replace": _replace,
    "@arrayPath": _array_path,
    "@json": _json,
    "@flatten": _flatten,
    "@merge": _merge,
    "@transform": _transform,
    "@excludeWhenNull": _exclude_when_null,
    "@liquid": _liquid,
}
