"""`@liquid`: Liquid templates by python-liquid, made to answer as LiquidJS does (spec: mapping kit, section 4).

No tag of the environment reads files or loops; names, values and output are limited in size.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TextIO

from liquid import Environment, RenderContext
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.echo_tag import EchoNode, EchoTag
from liquid.exceptions import LiquidError
from liquid.utils import ReadOnlyChainMap

from engine.jstext import utf16_length
from engine.mapping.errors import MappingError
from engine.mapping.liquid_comparisons import compare_as_javascript
from engine.mapping.liquid_filters import DISABLED, FILTERS, SIZE_LIMIT, WITHOUT_CHANCE, as_filter, liquid_text, refuse
from engine.mapping.validate import describe

TEMPLATE_LIMIT = 1000

# python-liquid reads these words as words of the language even behind a dot: `properties.empty`.
_RESERVED = re.compile(
    r"""("[^"]*"|'[^']*')|\.(and|or|not|contains|in|true|false|nil|null|empty|blank|if|else|with|for|as|required)\b"""
)
_MARKUP = re.compile(r"\{%-?\s*raw\s*-?%\}.*?\{%-?\s*endraw\s*-?%\}|\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)

_TAGS = ("content", "output", "illegal", "if", "unless", "comment", "capture", "cycle", "assign", "increment",
         "decrement", "echo", "liquid", "#")  # fmt: skip


class _JsOutputNode(OutputNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return buffer.write(liquid_text(self.expression.evaluate(context)))


class _JsOutput(Output):
    node_class = _JsOutputNode


class _JsEchoNode(EchoNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return buffer.write(liquid_text(self.expression.evaluate(context)))


class _JsEcho(EchoTag):
    node_class = _JsEchoNode


class _Environment(Environment):
    output_stream_limit = SIZE_LIMIT
    suppress_blank_control_flow_blocks = False

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        self.tags = {name: tag for name, tag in self.tags.items() if name in _TAGS}
        self.add_tag(_JsOutput)
        self.add_tag(_JsEcho)
        self.filters = {name: as_filter(name, function) for name, function in FILTERS.items()}
        self.filters.update((name, refuse(name)) for name in (*DISABLED, *WITHOUT_CHANCE))


_environment = _Environment(strict_filters=False)


def compile_liquid(template: Any, at: str) -> Callable[[Any], str]:
    """A function that renders the template for an event; what is wrong with the template is raised by it."""
    if not isinstance(template, str):
        return _failing(f"A Liquid template has to be a text, not {describe(template)}.", at)
    if utf16_length(template) > TEMPLATE_LIMIT:
        return _failing(f"A Liquid template can have {TEMPLATE_LIMIT:,} characters at most.", at)
    try:
        parsed = _environment.from_string(_quote_reserved(template))
        compare_as_javascript(parsed)
    except LiquidError as error:
        return _failing(f"The Liquid template cannot be read: {error.message}.", at)
    except RecursionError:
        return _failing("The Liquid template is nested too deeply.", at)

    def render(event: Any) -> str:
        context = RenderContext(parsed, globals=event if isinstance(event, dict) else {})
        # Without the names python-liquid adds, which read the clock.
        context.scope = ReadOnlyChainMap(context.locals, context.globals, context.counters)
        buffer = parsed._get_buffer()
        try:
            for node in parsed.nodes:
                node.render(context, buffer)
        except LiquidError as error:
            raise MappingError(f"The Liquid template failed: {error.message}", path=at, phase="liquid") from error
        return str(buffer.getvalue())

    return render


def _quote_reserved(template: str) -> str:
    """`properties.empty` -> `properties["empty"]`, outside of texts and raw blocks."""

    def quote(markup: re.Match[str]) -> str:
        if "endraw" in markup[0]:
            return markup[0]
        return _RESERVED.sub(lambda found: found[1] or f'["{found[2]}"]', markup[0])

    return _MARKUP.sub(quote, template)


def variables(template: str) -> list[str]:
    """The paths of the event a template reads; none for a template that cannot be read."""
    try:
        return sorted(set(_environment.from_string(_quote_reserved(template)).global_variable_paths()))
    except LiquidError:
        return []


def _failing(message: str, at: str) -> Callable[[Any], str]:
    def render(event: Any) -> str:
        raise MappingError(message, path=at, phase="liquid")

    return render
