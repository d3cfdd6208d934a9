"""Marketo Static Lists: an audience as a static list."""

from __future__ import annotations

from destinations.connectors.marketo_static_lists import add_to_list, remove_from_list, static_lists
from destinations.connectors.marketo_static_lists.client import sign_in
from destinations.kit.definition import Action, Context, Conversation, DestinationDefinition, Hook
from destinations.kit.tables import read_fields, read_table

HOOK = Hook(
    key=static_lists.HOOK,
    label="Choose a static list",
    description="A list of your own for this mapping, instead of the one of the audience.",
    inputs=read_fields(
        {
            "list_id": {"label": "List ID", "description": "The number in the address of the list: ST1234 is 1234."},
            "list_name": {"label": "Name of a new list", "description": "Created when no ID is given."},
        }
    ),
    outputs=read_fields({"id": {"label": "List ID"}, "name": {"label": "Name"}}),
    perform=static_lists.choose_list,
)


def test_connection(context: Context) -> Conversation:
    return (yield from static_lists.folder_id(context))


table = read_table(__name__)
actions: tuple[Action, ...] = (
    table.action("addToList", perform_batch=add_to_list.perform_batch, hooks=(HOOK,)),
    table.action("removeFromList", perform_batch=remove_from_list.perform_batch, hooks=(HOOK,)),
)
definition = DestinationDefinition(
    slug="marketo_static_lists",
    name="Marketo Static Lists",
    kind="list",
    description="Keep a static list in step with an audience.",
    supported=("track",),
    settings=table.settings,
    auth=sign_in(),
    actions=actions,
    presets=table.presets,
    create_audience=static_lists.create_audience,
    get_audience=static_lists.get_audience,
    test_connection=test_connection,
    requests_per_second=5,
    list_interval_minutes=360,
    # Few large files: Marketo queues ten imports. More people than these take too much memory at once.
    batch_size=50_000,
    identifiers="email; one list entry for each. Send Track has to be on, with the default event names.",
    entry_identifiers=("email",),
)
