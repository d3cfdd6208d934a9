"""Every table of the database, and what becomes of a deleted person there. `tests/test_deletion_tables.py` holds it
complete: a new table, or a new column that may name a person, fails it until it stands here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# Rows of the profile, which go at once: (table, column with the profile's id).
BY_PROFILE = (
    ("external_id", "profile_id"),
    ("profile_alias", "profile_id"),
    ("account_link", "profile_id"),
    ("sql_staged_row", "profile_id"),
)
# What takes more than deleting rows, and where that is done.
SPECIAL = {
    "profile": "ingest.deletion.people",
    "membership": "ingest.deletion.people: sizes and counts of the audiences are kept true",
    "trait_value": "ingest.deletion.people: sizes of the traits are kept true",
    "changed_profiles": "ingest.deletion.people: taken out of the queue",
    "journey_run": "journeys.services.forgetting: open runs end first, so that the counts of steps are true",
    "journey_position": "journeys.services.forgetting",
    "event": "ingest.deletion.blocks",
    "identity_issue": "ingest.deletion.blocks and ingest.deletion.copies",
    "delivery": "delivery.services.forgetting: calls that wait are superseded, and counted so",
    "delivery_log": "delivery.services.forgetting: the row stays for the books, without person, payload and exchange",
    "attempt": "delivery.services.forgetting: the row stays without exchange and sentence",
    "list_change": "delivery.services.forgetting",
    "list_member": "delivery.services.forgetting: once the person was taken off the list",
    "sent_value": "delivery.services.forgetting",
    "inbound_batch": "ingest.suppressing: what waits is refused while the person is being deleted",
    "inbound_log": "ingest.deletion.requests_log",
    "rejected_message": "ingest.deletion.requests_log",
    "observed_field": "ingest.deletion.copies: samples",
    "audiences_audienceexport": "ingest.deletion.copies: files are deleted",
    "profiles_regulation": "ingest.deletion.job: the subject is encrypted, and emptied at the end",
    "warehouse_output": "warehouse_output.services.forgetting: the person's rows in the warehouse itself are deleted",
    "profiles_suppression": "profiles.services.suppressions: keyed hashes",
}


How = Literal["clean", "drop", "tell"]
_OF_SPACE = "t.space_id = %(space)s"


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A table whose texts may mention a person by chance. `within` bounds the rows to the space.

    "clean": identifiers in `columns` are replaced. "drop": the row goes. "tell": people wrote it, and are told.
    """

    table: str
    columns: tuple[str, ...]
    how: How
    what: str
    within: str
    name: str


_OF_DESTINATION = "t.destination_id IN (SELECT id FROM destinations_destination WHERE space_id = %(space)s)"
_OF_CONNECTION = "t.connection_id IN (SELECT id FROM delivery_connection WHERE space_id = %(space)s)"
_OF_JOURNEY = "t.journey_id IN (SELECT id FROM journeys_journey WHERE space_id = %(space)s)"
_OF_VERSION = (
    "t.version_id IN (SELECT v.id FROM journeys_journeyversion v JOIN journeys_journey j ON j.id = v.journey_id "
    "WHERE j.space_id = %(space)s)"
)
_OF_WORKSPACE = "t.workspace_id = (SELECT workspace_id FROM spaces_space WHERE id = %(space)s)"
_OF_FUNCTION = "t.function_id IN (SELECT id FROM destinations_destinationfunction WHERE space_id = %(space)s)"


def _copy(how: How, table: str, columns: str, what: str, *, within: str = _OF_SPACE, name: str = "''") -> Copy:
    return Copy(table=table, columns=tuple(columns.split()), how=how, what=what, within=within, name=name)


COPIES = (
    _copy("drop", "destinations_eventtest", "event result", "test events", within=_OF_DESTINATION),
    _copy("drop", "journeys_journeyscenario", "name request expected result", "scenarios", within=_OF_JOURNEY),
    _copy("drop", "journeys_dryrun", "definition result error", "dry runs"),
    _copy("drop", "echo_request", "name query headers body", "requests to the echo receiver", within="true"),
    _copy("clean", "spaces_auditentry", "object_id object_name before after", "audit entries", within=_OF_WORKSPACE),
    _copy("clean", "delivery_replayrun", "selection words", "replays"),
    _copy("clean", "delivery_listsync", "error", "list syncs", within=_OF_CONNECTION),
    _copy("clean", "delivery_firstsync", "error", "first syncs", within=_OF_CONNECTION),
    _copy("clean", "delivery_destinationhealth", "last_error", "destination health", within=_OF_DESTINATION),
    _copy("clean", "alerts_alertevent", "name sentence", "alerts"),
    _copy("clean", "audiences_computerun", "error", "computations"),
    _copy("clean", "traits_traitrun", "error", "computations of traits"),
    _copy("clean", "traits_sqlrun", "error", "runs of SQL traits"),
    _copy("clean", "warehouse_output_run", "error", "runs that write calls into a warehouse"),
    _copy("tell", "traits_predictionmodel", "vocabulary report", "prediction model"),
    _copy("tell", "audiences_audience", "name description definition status_detail", "audience", name="t.name"),
    _copy("tell", "audiences_audiencefolder", "name description", "folder", name="t.name"),
    _copy("tell", "traits_trait", "name description definition status_detail", "trait", name="t.name"),
    _copy("tell", "journeys_journey", "name description", "journey", name="t.name"),
    _copy(
        "tell",
        "journeys_journeyversion",
        "definition summary problem",
        "journey version",
        within=_OF_JOURNEY,
        name="t.number::text",
    ),
    _copy("tell", "journeys_journeyedit", "label definition", "journey draft", within=_OF_VERSION, name="t.label"),
    _copy("tell", "journeys_journeystep", "name", "journey step", name="t.name"),
    _copy("tell", "destinations_destination", "name settings pause_reason", "destination", name="t.name"),
    _copy("tell", "destinations_mapping", "name trigger fields", "mapping", within=_OF_DESTINATION, name="t.name"),
    _copy(
        "tell",
        "destinations_destinationfilter",
        "name description condition",
        "destination filter",
        within=_OF_DESTINATION,
        name="t.name",
    ),
    _copy("tell", "destinations_destinationfunction", "name description code settings", "function", name="t.name"),
    _copy(
        "tell",
        "destinations_functionversion",
        "code settings",
        "function version",
        within=_OF_FUNCTION,
        name="t.number::text",
    ),
    _copy(
        "tell",
        "delivery_connection",
        "settings trait_mappings computation_name",
        "connection",
        name="t.computation_name",
    ),
    _copy("tell", "profiles_eventfilter", "name condition", "event filter", name="t.name"),
    _copy("tell", "profiles_identifierrule", "blocked_values", "identifier rule", name="t.id_type"),
    _copy("tell", "spaces_source", "name", "source", name="t.name"),
    _copy("tell", "observed_event", "name", "event name", name="t.name"),
)

_COUNTS = "counts only"
_STAFF = "people who sign in, not people of the space"
_DERIVED = "names no person: keys, states and times"
KEPT = {
    "message_key": "hashes of message IDs, removed after ENGAGE_DEDUPE_DAYS: a repeated call stays a duplicate",
    "replay_item": "message IDs of calls, removed with the messages",
    "source_counter": _COUNTS,
    "membership_count": _COUNTS,
    "journey_run_count": _COUNTS,
    "journey_step_count": _COUNTS,
    "delivery_counter": _COUNTS,
    "delivery_tally": _COUNTS,
    "delivery_latency": _COUNTS,
    "unknown_write_key": "prefixes of write keys",
    "profiles_suppressionkey": "the key of the hashes, encrypted",
    "destinations_deletionforward": "sentences that name nobody (ingest.deletion.forwarding)",
    "audiences_computationkey": _DERIVED,
    "delivery_destinationtraits": _DERIVED,
    "delivery_engagesource": _DERIVED,
    "delivery_engagesourcemember": _DERIVED,
    "traits_sqltrait": _DERIVED,
    "traits_predictionrun": _DERIVED,
    "traits_warehousesource": "settings of a warehouse; its secrets are encrypted",
    "alerts_alertrule": _STAFF,
    "alerts_alertmessage": _STAFF,
    "alerts_alertseen": _STAFF,
    "spaces_user": _STAFF,
    "spaces_workspace": _STAFF,
    "spaces_member": _STAFF,
    "spaces_space": _DERIVED,
    "spaces_apitoken": _STAFF,
    "auth_permission": _STAFF,
    "auth_group": _STAFF,
    "auth_group_permissions": _STAFF,
    "django_content_type": _DERIVED,
    "django_migrations": _DERIVED,
    "django_session": _STAFF,
    "axes_accessfailurelog": _STAFF,
    "axes_accessattempt": _STAFF,
    "axes_accessattemptexpiration": _STAFF,
    "axes_accesslog": _STAFF,
}
