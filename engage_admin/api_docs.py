"""The page at /api/v1/docs/: the OpenAPI document as plain HTML, without a script or a host other than ours."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET
from drf_spectacular.generators import SchemaGenerator

METHODS = ("get", "post", "put", "patch", "delete")
MAX_DEPTH = 6


@require_GET
def api_docs(request: HttpRequest) -> HttpResponse:
    shown = {"groups": operation_groups(), "base": settings.ENGAGE_URL}
    return render(request, "spaces/api_docs.html", shown)


@lru_cache(maxsize=1)
def operation_groups() -> list[dict[str, Any]]:
    """`[{"name", "operations"}]` by tag. Made once a process: the code does not change while it runs."""
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, operations in document["paths"].items():
        for method in METHODS:
            if method in operations:
                shown = _operation(document, path, method, operations[method])
                groups.setdefault(shown["group"], []).append(shown)
    return [{"name": name, "operations": found} for name, found in sorted(groups.items())]


def _operation(document: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    answers = []
    for status, response in operation.get("responses", {}).items():
        schema = response.get("content", {}).get("application/json", {}).get("schema")
        answers.append({"status": status, "example": _text(document, schema)})
    summary = operation.get("description", "").strip()
    tag = operation.get("tags", ["api"])[0]
    return {
        "id": operation["operationId"],
        "group": _group(path) if tag in {"api", "spaces"} else tag,
        "method": method.upper(),
        "path": path,
        "title": summary.partition("\n")[0],
        "summary": summary,
        "parameters": [item for item in operation.get("parameters", []) if item["in"] == "query"],
        "fields": _fields(document, body),
        "request": _text(document, body),
        "answers": answers,
    }


def _group(path: str) -> str:
    """The collection that the path names, e.g. "Audiences"."""
    parts = [part for part in path.split("/") if part and not part.startswith("{")]
    name = parts[3] if len(parts) > 3 else parts[-1]
    return name.replace("-", " ").replace("_", " ").capitalize()


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    parts = schema.get("allOf") or schema.get("oneOf") or schema.get("anyOf")
    return _resolved(document, parts[0]) | {key: schema[key] for key in schema if key != "allOf"} if parts else schema


def _fields(document: dict[str, Any], schema: dict[str, Any] | None) -> list[dict[str, Any]]:
    if not schema:
        return []
    schema = _resolved(document, schema)
    required = schema.get("required", [])
    fields = []
    for name, field in schema.get("properties", {}).items():
        found = _resolved(document, field)
        fields.append(
            {
                "name": name,
                "type": found.get("type", "any") if not isinstance(found.get("type"), list) else found["type"][0],
                "is_required": name in required,
                "choices": [str(choice) for choice in found.get("enum", [])],
                "default": found.get("default"),
                "limit": found.get("maxLength"),
                "text": found.get("description", "") if "enum" not in found else "",
            }
        )
    return fields


def _text(document: dict[str, Any], schema: dict[str, Any] | None) -> str:
    return json.dumps(_example(document, schema, 0), indent=2) if schema else ""


def _example(document: dict[str, Any], schema: dict[str, Any], depth: int) -> Any:
    """A value of the shape that the schema describes."""
    schema = _resolved(document, schema)
    if "example" in schema or "default" in schema:
        return schema.get("example", schema.get("default"))
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        if depth >= MAX_DEPTH:
            return {}
        return {name: _example(document, field, depth + 1) for name, field in schema.get("properties", {}).items()}
    if kind == "array":
        return [_example(document, schema["items"], depth + 1)] if depth < MAX_DEPTH else []
    formats = {"date-time": "2026-11-22T12:00:00Z", "email": "jane@example.com", "uri": "https://example.com"}
    plain = {"integer": 1, "number": 1.5, "boolean": True, "string": formats.get(schema.get("format", ""), "text")}
    return plain.get(kind) if isinstance(kind, str) else None
