"""Every page of the demo, for `make screenshots`: its name, its path, and what to do before the picture.

A new page is added to PAGES. Paths hold placeholders such as `{space}` and `{audience}`; `places()` resolves them
through the REST API.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.product import Product
from tools.acts import (
    Act,
    ask,
    break_mapping,
    build_to,
    click,
    compare_mapping,
    create_token,
    fill_builder,
    invite,
    open_entering,
    open_event,
    open_message,
    open_run,
    open_step,
    open_suggestions,
    press,
    preview_builder,
    refuse_test,
    run_dry,
    run_test,
    sheet_tab,
    wrong_password,
)
from tools.journey_places import make_journeys
from tools.list_places import make_lists
from tools.prediction_places import start_predictions, wait_trained
from tools.sql_places import make_warehouses

VISITOR = "visitor"
VIEWER = "viewer"


@dataclass(frozen=True, kw_only=True)
class Page:
    """`act` is done after loading; `who` sees it: the demo's user, a read-only member, or nobody signed in.

    `status` is what the server answers; `image` also writes docs/images/<image>.png at 1440 px in light colors.
    """

    name: str
    path: str
    act: Act | None = None
    who: str = "owner"
    status: int = 200
    image: str = ""


AUDIENCE = "/s/{space}/audiences/{audience}/"
DESTINATION = "/s/{space}/destinations/{destination}/"
TRAIT = "/s/{space}/traits/{trait}/"
PREDICTION = "/s/{space}/traits/{prediction}/"
SQL = "/s/{space}/traits/{sql}/"
JOURNEY = "/s/{space}/journeys/{journey}/"
TESTED = "/s/{space}/journeys/{draft_journey}/"
SHEET = AUDIENCE + "?panel=connection:{connection}"
PROFILE = "/s/{space}/profiles/{profile}/"
SETTINGS = "/s/{space}/settings/"

PAGES = [
    Page(name="sign-in", path="/login/", who=VISITOR),
    Page(name="sign-in-refused", path="/login/", who=VISITOR, act=wrong_password),
    Page(name="home", path="/s/{space}/"),
    Page(name="home-empty", path="/s/{empty}/"),
    Page(name="audiences", path="/s/{space}/audiences/"),
    Page(name="audiences-none", path="/s/{empty}/audiences/"),
    Page(name="audiences-no-match", path="/s/{space}/audiences/?q=nothing+like+it"),
    Page(name="builder-empty", path="/s/{space}/audiences/new/"),
    Page(name="builder-suggestions", path="/s/{space}/audiences/new/", act=open_suggestions),
    Page(name="builder-problems", path="/s/{space}/audiences/new/", act=click("builder.next", then="builder.problems")),
    Page(name="builder-filled", path="/s/{space}/audiences/new/", act=fill_builder),
    Page(name="builder-destinations", path="/s/{space}/audiences/new/", act=build_to("destinations")),
    Page(name="builder-review", path="/s/{space}/audiences/new/", act=build_to("review")),
    Page(name="builder-preview", path=AUDIENCE + "builder/", act=preview_builder, image="builder"),
    Page(
        name="builder-people",
        path=AUDIENCE + "builder/",
        act=open_entering,
    ),
    Page(name="builder-json", path=AUDIENCE + "builder/", act=click("builder.show-json", then="builder.json")),
    Page(name="audience", path=AUDIENCE, image="audience"),
    Page(name="audience-no-destination", path="/s/{space}/audiences/{unsent_audience}/"),
    Page(name="audience-sheet-settings", path=SHEET, act=click(then="connection.settings")),
    Page(name="audience-sheet-mappings", path=SHEET, act=sheet_tab("Matching mappings", then="connection.mapping")),
    Page(
        name="audience-sheet-tester",
        path=SHEET,
        act=sheet_tab("Event tester", "tester.send", then="lifecycle.result"),
    ),
    Page(name="audience-sheet-recent", path=SHEET, act=sheet_tab("Recent", then="delivery.recent")),
    Page(
        name="audience-sheet-customized",
        path=SHEET,
        act=click("connection.customized", "connection.add-trait", "connection.add-identifier", then="connection.row"),
    ),
    Page(name="audience-connection-page", path=AUDIENCE + "connections/{connection}/"),
    Page(name="audience-connection-resync", path=AUDIENCE + "connections/{connection}/resync/"),
    Page(name="audience-members", path=AUDIENCE + "members/"),
    Page(name="audience-members-no-match", path=AUDIENCE + "members/?q=nobody-like-it"),
    Page(name="audience-explain", path=AUDIENCE + "explain/?profile={profile}", image="explain"),
    Page(name="audience-explain-empty", path=AUDIENCE + "explain/"),
    Page(
        name="audience-explain-sheet", path=AUDIENCE + "members/", act=click("members.explain", then="explain.verdict")
    ),
    Page(name="audience-export", path=AUDIENCE + "export/"),
    Page(name="audience-consumers", path=AUDIENCE + "consumers/"),
    Page(name="audience-history", path=AUDIENCE + "history/"),
    Page(name="audience-folder-new", path="/s/{space}/audiences/folders/new/"),
    Page(name="audience-clone", path=AUDIENCE + "clone/"),
    Page(name="audience-settings", path=AUDIENCE + "settings/"),
    Page(name="audience-add-destination", path="/s/{space}/audiences/{unsent_audience}/destinations/add/"),
    Page(name="audience-connect", path="/s/{space}/audiences/{unsent_audience}/destinations/add/{destination}/"),
    Page(name="traits", path="/s/{space}/traits/"),
    Page(name="traits-none", path="/s/{empty}/traits/"),
    Page(name="traits-no-match", path="/s/{space}/traits/?q=nothing+like+it"),
    Page(name="trait-new", path="/s/{space}/traits/new/"),
    Page(
        name="trait-new-problems",
        path="/s/{space}/traits/new/",
        act=click("trait-builder.next", then="builder.problems"),
    ),
    Page(name="trait", path=TRAIT),
    Page(name="trait-builder", path=TRAIT + "builder/", act=click("trait-builder.run", then="trait-builder.total")),
    Page(name="trait-builder-read-only", path=TRAIT + "builder/", who=VIEWER),
    Page(name="trait-values", path=TRAIT + "values/"),
    Page(name="trait-values-text", path="/s/{space}/traits/{text_trait}/values/"),
    Page(name="trait-explain", path=TRAIT + "explain/?profile={profile}"),
    Page(name="trait-explain-empty", path=TRAIT + "explain/"),
    Page(name="trait-explain-sheet", path=TRAIT + "values/", act=click("values.explain", then="explain.verdict")),
    Page(name="prediction-explain", path=PREDICTION + "explain/?profile={profile}"),
    Page(name="sql-explain", path=SQL + "explain/?profile={profile}"),
    Page(name="trait-settings", path=TRAIT + "settings/"),
    Page(
        name="trait-sheet", path=TRAIT + "?panel=connection:{trait_connection}", act=click(then="connection.settings")
    ),
    Page(name="trait-add-destination", path="/s/{space}/traits/{text_trait}/destinations/add/"),
    Page(name="trait-connect", path="/s/{space}/traits/{text_trait}/destinations/add/{destination}/"),
    Page(
        name="prediction-new",
        path="/s/{space}/traits/new/",
        act=click("trait-builder.kind-prediction", then="trait-builder.horizon"),
    ),
    Page(name="prediction", path=PREDICTION + "prediction/"),
    Page(name="prediction-overview", path=PREDICTION),
    Page(
        name="prediction-builder",
        path=PREDICTION + "builder/",
        act=click("trait-builder.run", then="trait-builder.readiness"),
    ),
    Page(name="prediction-thin", path="/s/{space}/traits/{thin_prediction}/prediction/"),
    Page(name="sql-new", path="/s/{space}/traits/sql/new/"),
    Page(name="sql-new-none", path="/s/{empty}/traits/sql/new/"),
    Page(name="sql-trait", path=SQL),
    Page(name="sql-query", path=SQL + "builder/", act=click("sql.run-preview", then="sql.rows")),
    Page(name="sql-runs", path=SQL + "runs/"),
    Page(name="sql-runs-failed", path="/s/{space}/traits/{failed_sql}/runs/"),
    Page(name="sql-values", path=SQL + "values/"),
    Page(name="warehouses", path=SETTINGS + "warehouses/"),
    Page(name="warehouses-none", path="/s/{empty}/settings/warehouses/"),
    Page(name="warehouse-choose", path=SETTINGS + "warehouses/new/"),
    Page(
        name="warehouse-new",
        path=SETTINGS + "warehouses/new/?connector=postgresql",
        act=click("warehouse.save", then="warehouse.form"),
    ),
    Page(name="warehouse", path=SETTINGS + "warehouses/{warehouse}/"),
    Page(name="warehouse-failed", path=SETTINGS + "warehouses/{failed_warehouse}/"),
    Page(name="warehouse-output", path=SETTINGS + "warehouses/{output_warehouse}/output/"),
    Page(name="warehouse-output-off", path=SETTINGS + "warehouses/{warehouse}/output/"),
    Page(name="warehouse-output-failed", path=SETTINGS + "warehouses/{failed_warehouse}/output/"),
    Page(name="journeys", path="/s/{space}/journeys/"),
    Page(name="journeys-none", path="/s/{empty}/journeys/"),
    Page(name="journeys-no-match", path="/s/{space}/journeys/?q=nothing+like+it"),
    Page(name="journeys-menu", path="/s/{space}/journeys/", act=click("journey.menu")),
    Page(name="journey", path=JOURNEY),
    Page(name="journey-entry-share", path=JOURNEY + "?basis=entry&range=7d"),
    Page(name="journey-bad-range", path=JOURNEY + "?range=custom&from=2026-03-02&to=2026-03-01"),
    Page(name="journey-sheet", path=JOURNEY, act=open_step),
    Page(name="journey-people", path=JOURNEY + "steps/entry/people/?show=joined"),
    Page(name="journey-runs", path=JOURNEY + "runs/?show=entered"),
    Page(name="journey-run", path=JOURNEY + "runs/?show=entered", act=open_run),
    Page(name="journey-versions", path=JOURNEY + "versions/"),
    Page(name="journey-settings", path=JOURNEY + "settings/"),
    Page(name="journey-pause", path=JOURNEY + "pause/"),
    Page(name="journey-archive", path=JOURNEY, act=ask("journey.menu", "journey.archive")),
    Page(name="journey-draft", path="/s/{space}/journeys/{draft_journey}/"),
    Page(name="journey-new", path="/s/{space}/journeys/new/"),
    Page(name="journey-builder", path=TESTED + "builder/", image="journey-builder"),
    Page(name="journey-builder-add", path=TESTED + "builder/", act=click("canvas.plus", then="builder.add-menu")),
    Page(name="journey-builder-entry", path=TESTED + "builder/?panel=step:entry"),
    Page(name="journey-builder-settings", path=TESTED + "builder/?panel=settings"),
    Page(name="journey-builder-problems", path=TESTED + "builder/?panel=problems"),
    Page(name="journey-builder-read-only", path=TESTED + "builder/?panel=step:entry", who=VIEWER),
    Page(name="journey-outline", path=TESTED + "outline/"),
    Page(name="journey-add", path=TESTED + "builder/add/?after=entry"),
    Page(name="journey-review", path="/s/{space}/journeys/{draft_journey}/review/"),
    Page(name="journey-review-changes", path="/s/{space}/journeys/{changed_journey}/review/"),
    *(
        Page(
            name=f"journey-{size}-{part.strip('/') or 'live'}", path=f"/s/{{space}}/journeys/{{{size}_journey}}/{part}"
        )
        for size in ("small", "medium", "big")
        for part in ("", "outline/", "builder/")
    ),
    *(
        Page(name=f"journey-step-{step}", path=f"/s/{{space}}/journeys/{{every_type}}/builder/?panel=step:{step}")
        for step in ("wait", "way", "shops", "test", "short", "bought", "joins", "nudge")
    ),
    Page(name="journey-read-only", path=JOURNEY, who=VIEWER),
    Page(name="journey-test", path=TESTED + "test/"),
    Page(name="journey-tested", path=TESTED + "test/", act=run_test),
    Page(name="journey-test-refused", path=TESTED + "test/", act=refuse_test),
    Page(name="journey-test-read-only", path=TESTED + "test/", who=VIEWER),
    Page(name="journey-scenarios", path=JOURNEY + "scenarios/"),
    Page(name="journey-dry-run", path=JOURNEY + "dry-run/"),
    Page(name="journey-dry-run-done", path=TESTED + "dry-run/", act=run_dry),
    Page(name="profiles", path="/s/{space}/profiles/"),
    Page(name="profiles-none", path="/s/{empty}/profiles/"),
    Page(name="profile-traits", path=PROFILE),
    Page(name="profile-identities", path=PROFILE + "?tab=identities"),
    Page(name="profile-events", path=PROFILE + "?tab=events"),
    Page(name="profile-audiences", path=PROFILE + "?tab=audiences"),
    Page(name="profile-journeys", path=PROFILE + "?tab=journeys"),
    Page(name="profile-linked", path=PROFILE + "?tab=linked"),
    Page(name="profile-event", path=PROFILE + "?tab=events", act=open_event),
    Page(name="destinations", path="/s/{space}/destinations/"),
    Page(name="destinations-none", path="/s/{empty}/destinations/"),
    Page(name="destination-catalog", path="/s/{space}/destinations/new/"),
    Page(name="destination-new", path="/s/{space}/destinations/new/webhook/"),
    Page(name="destination", path=DESTINATION),
    Page(name="destination-mappings", path=DESTINATION + "mappings/"),
    Page(name="destination-mapping-new", path=DESTINATION + "mappings/new/"),
    Page(name="destination-mapping", path=DESTINATION + "mappings/{mapping}/"),
    Page(
        name="destination-mapping-recent",
        path=DESTINATION + "mappings/{mapping}/",
        act=click("mapping.recent", then="mapping.recent-event"),
    ),
    Page(
        name="destination-mapping-picker",
        path=DESTINATION + "mappings/{mapping}/",
        act=click("mapping.pick", then="mapping.picker"),
    ),
    Page(
        name="destination-mapping-compared",
        path=DESTINATION + "mappings/{mapping}/",
        act=compare_mapping,
    ),
    Page(name="destination-mapping-invalid", path=DESTINATION + "mappings/new/", act=break_mapping),
    Page(name="destination-mapping-read-only", path=DESTINATION + "mappings/{mapping}/", who=VIEWER),
    Page(name="destination-tester", path=DESTINATION + "tester/"),
    Page(
        name="destination-tester-ok",
        path=DESTINATION + "tester/",
        act=click("tester.send", then="lifecycle.result"),
        image="event-tester",
    ),
    Page(
        name="destination-tester-refused",
        path="/s/{space}/destinations/{refusing}/tester/",
        act=click("tester.send", then="lifecycle.result"),
    ),
    Page(name="destination-delivery", path="/s/{space}/delivery/destinations/{destination}/"),
    Page(name="destination-traits", path="/s/{space}/delivery/destinations/{destination}/traits/"),
    Page(name="destination-settings", path=DESTINATION + "settings/"),
    Page(name="destination-settings-read-only", path=DESTINATION + "settings/", who=VIEWER),
    Page(name="destination-filters", path="/s/{space}/destinations/{refusing}/filters/"),
    Page(name="destination-filters-none", path=DESTINATION + "filters/"),
    Page(name="destination-filter", path="/s/{space}/destinations/{refusing}/filters/{filter}/"),
    Page(name="destination-filter-read-only", path="/s/{space}/destinations/{refusing}/filters/{filter}/", who=VIEWER),
    Page(name="destination-filter-new", path=DESTINATION + "filters/new/"),
    Page(name="functions", path="/s/{space}/functions/"),
    Page(name="functions-none", path="/s/{empty}/functions/"),
    Page(name="function", path="/s/{space}/functions/{function}/"),
    Page(
        name="function-tested",
        path="/s/{space}/functions/{function}/",
        act=click("function.run", then="function.outcome"),
    ),
    Page(name="function-new", path="/s/{space}/functions/new/"),
    Page(name="function-version", path="/s/{space}/functions/{function}/versions/1/"),
    Page(name="destination-list-kind", path="/s/{space}/destinations/{list}/"),
    Page(name="delivery-drift", path="/s/{space}/delivery/connections/{drifted_connection}/drift/"),
    Page(name="delivery-drift-extra", path="/s/{space}/delivery/connections/{drifted_connection}/drift/?side=extra"),
    Page(
        name="delivery-drift-repair",
        path="/s/{space}/delivery/connections/{drifted_connection}/drift/",
        act=ask("drift.repair"),
    ),
    Page(name="destination-paused", path="/s/{space}/destinations/{paused}/"),
    Page(name="destination-account", path="/s/{space}/destinations/{paused}/settings/#account"),
    Page(name="delivery", path="/s/{space}/delivery/"),
    Page(name="delivery-none", path="/s/{empty}/delivery/"),
    Page(name="delivery-reasons", path="/s/{space}/delivery/?metric=counts&step=failed"),
    Page(name="delivery-samples", path="/s/{space}/delivery/?destination={refusing}&step=failed&samples=400"),
    Page(name="delivery-events", path="/s/{space}/delivery/?range=7d&step=received"),
    Page(name="delivery-bad-range", path="/s/{space}/delivery/?from=2026-03-02&to=2026-03-01"),
    Page(name="delivery-audience", path="/s/{space}/delivery/computations/{audience}/"),
    Page(name="delivery-messages", path="/s/{space}/delivery/overview/messages/?step=failed"),
    Page(name="delivery-books", path="/s/{space}/delivery/connections/"),
    Page(name="destination-overview-mapping", path="/s/{space}/delivery/destinations/{destination}/?mapping={mapping}"),
    Page(name="destination-event-delivery", path="/s/{space}/delivery/destinations/{refusing}/events/"),
    Page(name="debugger", path=SETTINGS + "debugger/"),
    Page(name="debugger-none", path="/s/{empty}/settings/debugger/"),
    Page(name="debugger-call", path=SETTINGS + "debugger/?message={failed_call}&tab=where"),
    Page(name="mapping-sample", path="/s/{space}/destinations/sample/?event=call:{failed_call}"),
    Page(name="debugger-filtered", path=SETTINGS + "debugger/?status=failed&type=track"),
    Page(name="debugger-incoming", path=SETTINGS + "debugger/incoming/", act=open_message),
    Page(name="debugger-incoming-none", path="/s/{empty}/settings/debugger/incoming/"),
    Page(name="delivery-calls", path="/s/{space}/delivery/calls/"),
    Page(name="delivery-call", path="/s/{space}/delivery/calls/{call}/"),
    Page(name="delivery-call-failed", path="/s/{space}/delivery/calls/{failed_call}/"),
    Page(name="delivery-dead-letters", path="/s/{space}/delivery/dead-letters/"),
    Page(name="delivery-dead-letters-none", path="/s/{empty}/delivery/dead-letters/"),
    Page(name="delivery-calls-none", path="/s/{space}/delivery/calls/?person=nobody&from=yesterday"),
    Page(name="delivery-trace", path="/s/{space}/delivery/trace/"),
    Page(name="delivery-trace-person", path="/s/{space}/delivery/trace/?q={profile}"),
    Page(name="delivery-trace-nothing", path="/s/{space}/delivery/trace/?q=nobody"),
    Page(name="delivery-replay-new", path="/s/{space}/delivery/replays/new/?reason=400"),
    Page(name="delivery-replay-nothing", path="/s/{space}/delivery/replays/new/?reason=none"),
    Page(name="delivery-replays", path="/s/{space}/delivery/replays/"),
    Page(name="delivery-replay", path="/s/{space}/delivery/replays/{replay}/"),
    Page(name="alerts", path="/s/{space}/alerts/"),
    Page(name="alerts-none", path="/s/{empty}/alerts/"),
    Page(name="alerts-history", path="/s/{space}/alerts/history/"),
    Page(name="alerts-bell", path="/s/{space}/", act=click("shell.bell", then="bell.menu")),
    Page(name="alert-kinds", path="/s/{space}/alerts/new/"),
    Page(name="alert-new", path="/s/{space}/alerts/new/?kind=audience_size&audience={audience}"),
    Page(name="alert", path="/s/{space}/alerts/{alert}/"),
    Page(name="alert-read-only", path="/s/{space}/alerts/{alert}/", who=VIEWER),
    Page(name="destination-alerts", path="/s/{space}/alerts/destinations/{refusing}/"),
    Page(name="warehouse-alerts", path="/s/{space}/alerts/warehouses/{output_warehouse}/"),
    Page(name="audience-alerts", path="/s/{space}/alerts/audiences/{audience}/"),
    Page(name="settings-general", path=SETTINGS),
    Page(name="settings-sources", path=SETTINGS + "sources/"),
    Page(name="settings-source-new", path=SETTINGS + "sources/new/"),
    Page(name="settings-source", path=SETTINGS + "sources/{source}/"),
    Page(name="settings-source-destinations", path=SETTINGS + "sources/{fed_source}/destinations/"),
    Page(name="settings-source-destinations-none", path=SETTINGS + "sources/{source}/destinations/"),
    Page(name="settings-source-destinations-read-only", path=SETTINGS + "sources/{source}/destinations/", who=VIEWER),
    Page(name="settings-identity", path=SETTINGS + "identity/"),
    Page(name="settings-identity-new", path=SETTINGS + "identity/new/"),
    Page(name="settings-identity-rule", path=SETTINGS + "identity/users/email/"),
    Page(name="settings-event-filters", path=SETTINGS + "filters/"),
    Page(name="settings-event-filters-none", path="/s/{empty}/settings/filters/"),
    Page(name="settings-event-filter-new", path=SETTINGS + "filters/new/"),
    Page(name="settings-members", path=SETTINGS + "members/"),
    Page(name="settings-member-invite", path=SETTINGS + "members/invite/"),
    Page(name="settings-member-invited", path=SETTINGS + "members/invite/", act=invite),
    Page(name="settings-member", path=SETTINGS + "members/{member}/"),
    Page(name="settings-tokens", path=SETTINGS + "tokens/"),
    Page(name="settings-token-new", path=SETTINGS + "tokens/new/"),
    Page(name="settings-token-created", path=SETTINGS + "tokens/new/", act=create_token),
    Page(name="settings-privacy", path=SETTINGS + "privacy/"),
    Page(name="settings-privacy-none", path="/s/{empty}/settings/privacy/"),
    Page(name="settings-privacy-new", path=SETTINGS + "privacy/new/"),
    Page(name="settings-privacy-person", path=SETTINGS + "privacy/new/?profile={profile}"),
    Page(name="settings-privacy-request", path=SETTINGS + "privacy/{regulation}/"),
    Page(name="settings-audit", path=SETTINGS + "audit/"),
    Page(name="spaces", path="/spaces/"),
    Page(name="space-new", path="/spaces/new/"),
    Page(name="account", path="/account/"),
    Page(name="account-menu", path="/s/{space}/", act=press("button", "Your account")),
    Page(name="echo", path="/echo/{space}-crm/requests/"),
    Page(name="api-docs", path="/api/v1/docs/"),
    Page(name="not-found", path="/s/{space}/nothing-here/", status=404),
    Page(name="forbidden", path="/s/{space}/audiences/new/", who=VIEWER, status=403),
    Page(name="read-only", path=AUDIENCE, who=VIEWER),
]


@dataclass(frozen=True, kw_only=True)
class Places:
    """What the placeholders stand for, and the login of the read-only member."""

    values: dict[str, str]
    viewer_email: str
    viewer_password: str


def places(product: Product) -> Places:
    """Make what the demo lacks (an empty space, a refusing destination, a read-only member); look up the rest."""
    slug = product.demo["space"]

    def api(method: str, path: str, body: Any = None) -> Any:
        return product.api(method, f"spaces/{slug}/{path}", body)

    def named(path: str, name: str) -> Any:
        return next(row for row in api("GET", path)["results"] if row["name"] == name)

    audience, unsent = named("audiences/", "Repeat buyers"), named("audiences/", "Dormant shoppers")
    crm, listing = named("destinations/", "Acme CRM"), named("destinations/", "Ad platform list")
    refusing = {
        "name": "Loyalty API (refuses)",
        "connector": "webhook",
        "settings": {"url": f"{product.url}/echo/{slug}-loyalty?status=400"},
        "enabled": True,
    }
    refused = api("POST", "destinations/", refusing)
    drop = {"title": "No test users", "if": 'match(userId, "test-*")', "actions": [{"type": "DROP"}]}
    filtering = api("POST", f"destinations/{refused['id']}/filters/", drop)
    api("POST", "event-filters/", {"name": "Internal tests", "if": 'context.app.name = "internal"'})
    code = 'async function onTrack(event) {\n  console.log("points for", event.userId);\n}\n'
    function = api("POST", "functions/", {"name": "Loyalty card", "code": code})
    revenue = named("traits/", "Total revenue")
    berlin = named("audiences/", "Newsletter readers in Berlin or Paris")
    api("POST", f"audiences/{berlin['id']}/connections/", {"destination": refused["id"]})
    drifted, paused = make_lists(product, api, audience=berlin["id"])
    viewer = api("POST", "members/", {"email": "robin@acme.example", "name": "Robin Reader", "role": "read_only"})
    empty = product.api("POST", "spaces/", {"name": "Empty", "kind": "dev"})
    product.wait("a failed call", lambda: api("GET", "deliveries/?status=failed&limit=1")["results"])
    product.wait_idle()
    predictions = start_predictions(api)
    warehouses = make_warehouses(product, api)
    made = make_journeys(product, api, destination=crm["id"])
    fed = api("POST", "sources/", {"name": "Shop server"})
    taking = {"connector": "webhook", "settings": {"url": f"{product.url}/echo/{slug}-orders"}, "enabled": True}
    for one in (taking | {"name": "Order service"}, refusing | {"name": "Stock service (refuses)"}):
        api("POST", f"sources/{fed['id']}/connections/", {"destination": api("POST", "destinations/", one)["id"]})
    replay = api("POST", "replays/", {"destination": refused["id"], "reason": "400", "rate": 20})
    alert = api("POST", "alerts/", {"kind": "delivery_rate", "destination": refused["id"], "least": 1, "hours": 24})
    api("POST", "alerts/", {"kind": "audience_size", "audience": audience["id"]})
    wait_trained(product, api, predictions)
    product.wait("an alert", lambda: api("GET", "alerts/history/")["results"])
    connections = api("GET", f"audiences/{audience['id']}/connections/")["results"]
    people = api("GET", f"audiences/{audience['id']}/members/")["results"]
    profile = people[0]
    regulation = api("POST", "regulations/", {"kind": "delete_and_suppress", "profile": people[-1]["id"]})
    return Places(
        values={
            "space": slug,
            "empty": empty["slug"],
            "audience": audience["id"],
            "unsent_audience": unsent["id"],
            "connection": next(row["id"] for row in connections if row["destination"] == crm["id"]),
            "destination": crm["id"],
            "list": listing["id"],
            "trait": revenue["id"],
            "trait_connection": api("GET", f"traits/{revenue['id']}/connections/")["results"][0]["id"],
            "text_trait": named("traits/", "Favorite category")["id"],
            "refusing": refused["id"],
            "drifted_connection": drifted,
            "paused": paused,
            "replay": replay["id"],
            "alert": alert["id"],
            "filter": filtering["id"],
            "function": function["id"],
            "mapping": api("GET", f"destinations/{crm['id']}/mappings/")["results"][0]["id"],
            "profile": profile["id"],
            "regulation": regulation["id"],
            "journey": named("journeys/", "Newsletter readers who shop")["id"],
            "draft_journey": named("journeys/", "Invite to the loyalty club")["id"],
            **made,
            **predictions,
            **warehouses,
            "call": str(api("GET", "deliveries/?status=delivered&limit=1")["results"][0]["id"]),
            "failed_call": str(api("GET", "deliveries/?status=failed&limit=1")["results"][0]["id"]),
            "source": named("sources/", "Website")["id"],
            "fed_source": fed["id"],
            "member": str(next(row["id"] for row in api("GET", "members/")["results"] if row["role"] == "read_only")),
        },
        viewer_email=viewer["email"],
        viewer_password=viewer["temporary_password"],
    )
