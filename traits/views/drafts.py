"""What a person has built and not saved yet: kept in their session, so that a reload loses nothing."""

from __future__ import annotations

import re
import secrets
from dataclasses import asdict, dataclass, field
from typing import Any

from django.http import QueryDict
from django.utils import timezone

from engine.traits.predictions import KIND as PREDICTION
from spaces.access import SpaceRequest
from traits.builder import TraitFields, fields_of

SESSION_KEY = "trait_drafts"
MOST_DRAFTS = 10
DRAFT_ID = re.compile(r"[0-9A-Za-z_-]{6,32}")


@dataclass(kw_only=True)
class Draft:
    """One unsaved trait. `destinations` are the ids of those to connect when it is created."""

    id: str
    fields: TraitFields = field(default_factory=TraitFields)
    include_historical: bool = True
    revision: int = 0
    name: str = ""
    key: str = ""
    description: str = ""
    destinations: list[str] = field(default_factory=list)
    kept_at: str = ""

    def take(self, posted: QueryDict, *, is_new: bool) -> None:
        """The builder's form as it was posted."""
        self.fields.take({name: posted.getlist(name) for name in posted}, is_new=is_new)
        if is_new and "options" in posted:
            self.include_historical = posted.get("include_historical") == "1"
        if self.fields.kind == PREDICTION:
            self.include_historical = True  # a model without history has nothing to learn from
        if posted.get("revision", "").isdecimal():
            self.revision = int(posted.get("revision", "0"))


def draft_of(definition: Any, **options: Any) -> Draft:
    """A new draft that starts with a definition; `options` are fields of Draft."""
    return Draft(id=secrets.token_urlsafe(9), fields=fields_of(definition), **options)


def load(request: SpaceRequest, draft_id: str) -> Draft | None:
    """The draft kept under the id in this space, if there is one."""
    stored = request.session.get(SESSION_KEY, {}).get(f"{request.space.pk}:{draft_id}")
    if stored is None:
        return None
    stored = dict(stored)
    form = dict(stored.pop("fields"))
    form["fields"] = [(name, value) for name, value in form["fields"]]
    return Draft(**stored, fields=TraitFields(**form))


def keep(request: SpaceRequest, draft: Draft) -> None:
    """Store the draft; the oldest of many make room."""
    draft.kept_at = timezone.now().isoformat()
    drafts = dict(request.session.get(SESSION_KEY, {}))
    drafts.pop(name := f"{request.space.pk}:{draft.id}", None)
    drafts[name] = asdict(draft)
    newest = sorted(drafts, key=lambda each: str(drafts[each]["kept_at"]))[-MOST_DRAFTS:]
    request.session[SESSION_KEY] = {each: drafts[each] for each in newest}


def forget(request: SpaceRequest, draft: Draft) -> None:
    drafts = dict(request.session.get(SESSION_KEY, {}))
    drafts.pop(f"{request.space.pk}:{draft.id}", None)
    request.session[SESSION_KEY] = drafts
