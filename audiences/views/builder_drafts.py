"""What a person has built and not saved yet: kept in their session, so that a reload loses nothing."""

from __future__ import annotations

import re
import secrets
from dataclasses import asdict, dataclass, field
from typing import Any

from django.http import QueryDict
from django.utils import timezone

from audiences.builder.fields import from_fields, to_fields
from audiences.builder.reading import rows_of
from audiences.builder.rows import Group
from spaces.access import SpaceRequest
from spaces.models import Space

SESSION_KEY = "audience_drafts"
MOST_DRAFTS = 10
DRAFT_ID = re.compile(r"[0-9A-Za-z_-]{6,32}")


@dataclass(kw_only=True)
class Draft:
    """One unsaved definition with its options. `json` is the text being edited in the JSON view, None in the form.

    `choices` are the destinations to connect when the audience is created: their ids, and how, as the `values` of a
    ConnectionForm. `overlap` is the audience that previews compare with, `folder` the one to put it in (public ids).
    """

    id: str
    fields: list[tuple[str, str]]
    collection: str = "users"
    include_anonymous: bool = False
    include_historical: bool = True
    json: str | None = None
    revision: int = 0
    name: str = ""
    key: str = ""
    description: str = ""
    folder: str = ""
    overlap: str = ""
    choices: dict[str, dict[str, Any]] = field(default_factory=dict)
    kept_at: str = ""

    @property
    def rows(self) -> Group:
        posted: dict[str, list[str]] = {}
        for name, value in self.fields:
            posted.setdefault(name, []).append(value)
        return from_fields(posted)

    @rows.setter
    def rows(self, group: Group) -> None:
        self.fields = to_fields(group)

    def take(self, posted: QueryDict) -> None:
        """The builder's form as it was posted. The JSON view posts no rows: those of the draft stay."""
        if "n.kind" in posted:
            self.rows = from_fields({name: posted.getlist(name) for name in posted})
        if "json" in posted:
            self.json = posted.get("json", "")
        if "options" in posted:
            self.include_anonymous = posted.get("include_anonymous") == "1"
            self.include_historical = posted.get("include_historical") == "1"
            self.collection = "accounts" if posted.get("collection") == "accounts" else "users"
        if "overlap" in posted:
            self.overlap = posted.get("overlap", "")[:60]
        if posted.get("revision", "").isdecimal():
            self.revision = int(posted.get("revision", "0"))


def draft_of(definition: Any, **options: Any) -> Draft:
    """A new draft that starts with a definition; `options` are fields of Draft."""
    collection = definition.get("collection", "users") if definition else "users"
    draft = Draft(id=secrets.token_urlsafe(9), fields=[], collection=collection, **options)
    draft.rows = rows_of(definition) if definition else Group()
    return draft


def load(request: SpaceRequest, draft_id: str) -> Draft | None:
    """The draft kept under the id in this space, if there is one."""
    stored = request.session.get(SESSION_KEY, {}).get(f"{request.space.pk}:{draft_id}")
    if stored is None:
        return None
    stored = dict(stored)
    fields = [(name, value) for name, value in stored.pop("fields")]
    return Draft(**stored, fields=fields)


def keep(request: SpaceRequest, draft: Draft, *, space: Space | None = None) -> None:
    """Store the draft, for another space if one is given; the oldest of many make room."""
    draft.kept_at = timezone.now().isoformat()
    drafts = dict(request.session.get(SESSION_KEY, {}))
    drafts.pop(name := f"{(space or request.space).pk}:{draft.id}", None)
    drafts[name] = asdict(draft)
    newest = sorted(drafts, key=lambda each: str(drafts[each]["kept_at"]))[-MOST_DRAFTS:]
    request.session[SESSION_KEY] = {each: drafts[each] for each in newest}


def forget(request: SpaceRequest, draft: Draft) -> None:
    drafts = dict(request.session.get(SESSION_KEY, {}))
    drafts.pop(f"{request.space.pk}:{draft.id}", None)
    request.session[SESSION_KEY] = drafts
