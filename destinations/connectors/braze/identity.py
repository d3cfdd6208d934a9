"""Aliases: giving one to a person, merging the one it stands for, and forgetting people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from destinations.kit.definition import Context
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import Request, json_request


def create_alias(context: Context, payload: dict[str, Any]) -> Request:
    alias = {name: payload[name] for name in ("external_id", "alias_name", "alias_label") if payload.get(name)}
    return json_request("POST", f"{context.settings['endpoint']}/users/alias/new", {"user_aliases": [alias]})


def identify_user(context: Context, payload: dict[str, Any]) -> Request:
    body: dict[str, Any] = {
        "aliases_to_identify": [{"external_id": payload["external_id"], "user_alias": payload["user_alias"]}]
    }
    if payload.get("merge_behavior"):
        body["merge_behavior"] = payload["merge_behavior"]
    return json_request("POST", f"{context.settings['endpoint']}/users/identify", body)


def delete_user(context: Context, ids: Mapping[str, str]) -> Request:
    if not ids.get("userId"):
        raise PayloadValidationError("Braze deletes people by their user ID, and the request has none.")
    return json_request("POST", f"{context.settings['endpoint']}/users/delete", {"external_ids": [ids["userId"]]})
