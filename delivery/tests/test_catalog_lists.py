"""List destinations of the catalog at work: the whole audience first, then only who entered and left."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest

from delivery.services.emit import Change, emit_changes
from delivery.tests.builders import rows
from delivery.tests.conftest import Clock
from delivery.tests.vendors import Vendor, running_vendor
from delivery.tests.walks import Walk
from destinations import catalog
from destinations.kit.personal import sha256
from destinations.kit.testing import WorkerCase
from spaces.models import Space
from tests.factories import make_profile

LISTS = {
    "facebook_custom_audiences": "Facebook Custom Audiences",
    "google_ads_remarketing_lists": "Google Ads Remarketing Lists",
    "google_display_video_360": "Google Display & Video 360",
    "google_display_video_360_customer_match": "Google Display & Video 360 Customer Match",
    "snapchat_audiences": "Snapchat Audiences",
    "pinterest_audiences": "Pinterest Audiences",
    "marketo_static_lists": "Marketo Static Lists",
    "responsys_batch": "Responsys Batch",
    "salesforce_marketing_cloud_lists": "Salesforce Marketing Cloud Lists",
}
WITHOUT_PAST = {"google_display_video_360"}
NAMES = ("ann", "ben", "cid")


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with running_vendor() as opened:
        yield opened


def case_of(slug: str) -> WorkerCase:
    cases: list[WorkerCase] = importlib.import_module(f"destinations.connectors.{slug}.tests.worker_cases").CASES
    return cases[0]


def told(calls: list[tuple[str, Any]], case: WorkerCase) -> set[str]:
    """Who is named in these calls: by address, its hash, user id, or a trait that the connector finds people by."""
    text = unquote(json.dumps(calls))
    marks = {
        name: {f"{name}@example.org", sha256(f"{name}@example.org"), f"{name}-id", f"{name}-trait"} for name in NAMES
    }
    marks["ann"] |= {'"u1"', *map(str, case.traits.values())}
    return {name for name in NAMES if any(mark in text for mark in marks[name])}


def outcomes() -> set[str]:
    """Of the entries by e-mail: the first sync sends user ids as well, which not every list finds people by."""
    return {row[0] for row in rows("SELECT outcome FROM delivery_log WHERE entry LIKE '[\"email\"%%'")}


@pytest.mark.parametrize("slug", LISTS)
def test_a_list_gets_all_members_first_and_then_only_changes(
    space: Space, vendor: Vendor, clock: Clock, settings: Any, slug: str
) -> None:
    """F129-F135: Display & Video 360 has no past (F126) but by Customer Match, which gets the whole list."""
    definition, case = catalog.definitions()[slug], case_of(slug)
    settings.ENGAGE_SEND_TO = vendor.address
    settings.ENGAGE_CONNECTOR_SETTINGS = {slug: dict(case.operator)}
    walk = Walk(definition=definition, case=case, space=space, vendor=vendor, clock=clock)
    ben, cid = (
        make_profile(
            space=space,
            ids=[("user_id", f"{name}-id"), ("email", f"{name}@example.org")],
            traits=dict.fromkeys(case.traits, f"{name}-trait"),
        ).id
        for name in NAMES[1:]
    )
    members = [Change(profile_id=person, value=True) for person in (walk.person, ben)]

    emit_changes(space=space, computation_id="aud_1", changes=members, now=clock(), is_first_sync=True)
    initial = walk.work()
    walk.change(walk.person, value=False)
    walk.change(cid, value=True)
    later = walk.work()
    nothing = walk.work()

    assert (definition.name, definition.kind) == (LISTS[slug], "list")
    assert told(initial, case) == (set() if slug in WITHOUT_PAST else {"ann", "ben"})
    assert told(later, case) == ({"cid"} if slug in WITHOUT_PAST else {"ann", "cid"})
    assert nothing == []
    assert outcomes() == {"delivered"}
