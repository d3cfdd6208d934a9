"""Sources: where tracking calls come from, and their write keys."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.module_loading import import_string

from common.errors import InvalidError
from common.ids import new_write_key
from spaces import audit
from spaces.models import Source, Space, User
from spaces.names import clean_name


@transaction.atomic
def create_source(*, space: Space, actor: User | None, name: str) -> Source:
    """A source with a new write key, enabled. InvalidError at /name."""
    name = clean_name(name)
    Space.objects.select_for_update(no_key=True).get(pk=space.pk)
    _refuse_taken(space, name)
    source = Source.objects.create(space=space, name=name)
    audit.record(actor=actor, action="source.created", target=source, space=space, after={"name": name})
    return source


@transaction.atomic
def rename_source(*, source: Source, actor: User, name: str) -> Source:
    name = clean_name(name)
    Space.objects.select_for_update(no_key=True).get(pk=source.space_id)
    source.refresh_from_db()
    _refuse_taken(source.space, name, besides=source)
    if name != source.name:
        before = {"name": source.name}
        source.name = name
        source.save(update_fields=["name", "updated_at"])
        import_string(settings.SOURCE_RENAMED)(source)
        _record(source, actor, "source.renamed", before, {"name": name})
    return source


@transaction.atomic
def rotate_key(*, source: Source, actor: User) -> Source:
    """Give the source a new write key. Calls with the old one are answered and counted as an unknown key's."""
    source = _locked(source)
    before = {"key": f"{source.write_key[:4]}…"}
    source.write_key = new_write_key()
    source.save(update_fields=["write_key", "updated_at"])
    _record(source, actor, "source.key_rotated", before, {"key": f"{source.write_key[:4]}…"})
    return source


@transaction.atomic
def set_source_enabled(*, source: Source, actor: User, is_enabled: bool) -> Source:
    """A disabled source keeps its key; its calls are answered 200 and rejected with a reason."""
    source = _locked(source)
    if source.is_enabled != is_enabled:
        source.is_enabled = is_enabled
        source.save(update_fields=["is_enabled", "updated_at"])
        action = "source.enabled" if is_enabled else "source.disabled"
        _record(source, actor, action, {"is_enabled": not is_enabled}, {"is_enabled": is_enabled})
    return source


def _locked(source: Source) -> Source:
    found: Source = (
        Source.objects.select_for_update(no_key=True, of=("self",)).select_related("space__workspace").get(pk=source.pk)
    )
    return found


def _record(source: Source, actor: User, action: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    audit.record(actor=actor, action=action, target=source, space=source.space, before=before, after=after)


def _refuse_taken(space: Space, name: str, besides: Source | None = None) -> None:
    others = Source.objects.in_space(space).filter(name__iexact=name)
    if besides is not None:
        others = others.exclude(pk=besides.pk)
    if others.exists():
        raise InvalidError.at("/name", f"There is already a source called “{name}” in this space.", "taken")
