"""Profile extension tables of their own: one for an audience, or any other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from destinations.connectors.responsys import api, records
from destinations.kit.batches import Results
from destinations.kit.definition import Context, Conversation, Item
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import HttpError, Response

FOLDER = "Segment"
_MEMBER = ("EMAIL_ADDRESS_", "CUSTOMER_ID_")

ValuesOf = Callable[[Item], list[Any]]


def send_audience(context: Context, items: list[Item]) -> Conversation:
    """One PET for the audience, made when it is missing, with `1` for members and `0` for who left."""
    results = Results(items)
    records.hold_back(context, results)
    records.need_identifier(results)
    by_pet: dict[tuple[str, str], list[Item]] = {}
    for item in results.open:
        by_pet.setdefault((str(item.payload["pet_name"]), str(item.payload["computation_key"])), []).append(item)
    for (pet, key), group in by_pet.items():
        column = key[: api.NAME_LENGTH]
        yield from ensure(context, pet, [column], str(group[0].payload.get("folder_name") or ""))
        yield from write(context, results, pet, [column], group, values=_flag_of(key))
    return results.done()


def send(context: Context, items: list[Item]) -> Conversation:
    """The mapped members into any PET, made when it is missing."""
    results = Results(items)
    records.need_identifier(results)
    columns = [name for name in records.mapped_columns(context, items) if name not in records.IDENTIFIERS]
    by_pet: dict[str, list[Item]] = {}
    for item in results.open:
        pet = str(item.payload.get("pet_name") or context.settings.get("profileExtensionTable") or "")
        by_pet.setdefault(pet, []).append(item)
    for pet, group in by_pet.items():
        if not pet:
            raise PayloadValidationError("The mapping names no profile extension table, and neither do the settings.")
        names = [name[: api.NAME_LENGTH] for name in columns]
        yield from ensure(context, pet, names, str(group[0].payload.get("folder_name") or ""))
        yield from write(
            context,
            results,
            pet,
            names,
            group,
            values=lambda item: [records.value(item, records.member(item, name)) for name in columns],
            use_async=group[0].payload.get("use_responsys_async_api") is not False,
        )
    return results.done()


def ensure(context: Context, pet: str, columns: Sequence[str], folder: str = "") -> Conversation:
    """Create the PET when the list has none of that name."""
    if (yield from exists(context, pet)):
        return
    about = {"objectName": pet, "folderName": folder or context.settings.get("defaultFolderName") or FOLDER}
    fields = [{"fieldName": name, "fieldType": "STR500"} for name in columns]
    try:
        yield api.post(context, _path(context), {"profileExtension": about, "fields": fields})
    except HttpError as error:
        # Two workers may both have found it missing.
        if "already exist" not in api.said(error.response).lower():
            raise


def exists(context: Context, pet: str) -> Conversation:
    response = yield api.get(context, _path(context))
    return pet.lower() in {name.lower() for name in _names(response)}


def write(
    context: Context,
    results: Results,
    pet: str,
    columns: Sequence[str],
    items: Sequence[Item],
    *,
    values: ValuesOf,
    use_async: bool = True,
) -> Conversation:
    """First the members of the list, because a PET holds nobody else; then the PET, split by what names the person."""
    people = [(item, [records.member(item, name) or "" for name in _MEMBER]) for item in items]
    yield from records.write_members(context, results, _MEMBER, people, use_async=use_async)
    still_open = {item.index for item in results.open}
    by_name: dict[str, list[records.Record]] = {name: [] for name in records.IDENTIFIERS}
    for item in items:
        if item.index in still_open:
            name = next(name for name in records.IDENTIFIERS if records.member(item, name))
            by_name[name].append((item, [records.member(item, name), *values(item)]))
    for name, found in by_name.items():
        if found:
            yield from records.write_pet(
                context,
                results,
                pet,
                [name, *columns],
                found,
                match=[name.rstrip("_")],
                template=None,
                with_poll=True,
                use_async=use_async,
            )


def _flag_of(key: str) -> ValuesOf:
    def flag(item: Item) -> list[Any]:
        told = (item.payload.get("traits_or_props") or {}).get(key)
        return ["1" if (item.membership if told is None else told) else "0"]

    return flag


def _path(context: Context) -> str:
    return f"{api.list_path(context, api.SYNC)}/listExtensions"


def _names(response: Response) -> list[str]:
    rows = response.json()
    found = []
    for row in rows if isinstance(rows, list) else ():
        about = row.get("profileExtension", row) if isinstance(row, dict) else {}
        if isinstance(about, dict) and about.get("objectName"):
            found.append(str(about["objectName"]))
    return found
