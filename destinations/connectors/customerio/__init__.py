"""Customer.io: people, events, objects and devices."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from destinations.connectors.customerio import actions, api
from destinations.kit import auth
from destinations.kit.definition import Action, Context, DestinationDefinition
from destinations.kit.errors import PayloadValidationError
from destinations.kit.http import Request
from destinations.kit.tables import read_table

BUILDERS: Mapping[str, api.Build] = {
    "createUpdatePerson": actions.create_update_person,
    "trackEvent": actions.track_event,
    "trackPageView": actions.track_page_view,
    "trackScreenView": actions.track_screen_view,
    "createUpdateObject": actions.create_update_object,
    "deletePerson": actions.delete_person,
    "suppressPerson": actions.suppress_person,
    "unsuppressPerson": actions.unsuppress_person,
    "mergePeople": actions.merge_people,
    "createUpdateDevice": actions.create_update_device,
    "deleteDevice": actions.delete_device,
    "deleteObject": actions.delete_object,
    "deleteRelationship": actions.delete_relationship,
    "reportContentEvent": actions.report_content_event,
}


def test_connection(context: Context) -> Request:
    return Request(method="GET", url=api.url(context, "/auth"))


def delete_user(context: Context, ids: Mapping[str, str]) -> Request:
    user_id = quote(str(ids.get("userId") or ids.get("email") or ""), safe="")
    if not user_id:
        raise PayloadValidationError("Customer.io deletes people by user ID or e-mail, and the request has neither.")
    return Request(method="DELETE", url=api.url(context, f"/api/v1/customers/{user_id}"))


def _action(key: str, build: api.Build) -> Action:
    return table.action(key, perform=api.one(build), perform_batch=api.many(build))


table = read_table(__name__)
definition = DestinationDefinition(
    slug="customerio",
    name="Customer.io",
    description="Keep people in step, with audiences and traits as attributes; send events, objects and devices.",
    settings=table.settings,
    auth=auth.basic("siteId", "apiKey"),
    actions=(
        *(_action(key, build) for key, build in BUILDERS.items()),
        table.action("reportDeliveryEvent", perform=actions.report_delivery_event),
    ),
    presets=table.presets,
    test_connection=test_connection,
    delete_user=delete_user,
    requests_per_second=30,
    batch_size=50,
    identifiers="user ID, else email, else anonymous ID",
)
