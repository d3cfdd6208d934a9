"""Destinations of an audience that is being made: which, set up how, and what their first sync will be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.http import QueryDict
from django.utils import timezone

from audiences.selectors.preview import members_query
from audiences.services.connections import ConnectionSpec
from audiences.views.builder_drafts import Draft
from audiences.views.builder_surface import definition_of
from delivery.forms import ConnectionForm
from delivery.models import Connection
from delivery.selectors.resync import Estimate, resync_estimate
from delivery.services.attachments import space_refusals
from destinations import catalog
from destinations.kit.definition import DestinationDefinition
from destinations.models import Destination
from profiles.models import ACCOUNTS, USERS
from spaces.models import Space


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A destination that the audience can be sent to, with the form that says how; or `refusal` says why it cannot."""

    destination: Destination
    definition: DestinationDefinition
    form: ConnectionForm
    is_chosen: bool
    refusal: str

    @property
    def is_list(self) -> bool:
        return self.definition.kind == "list"

    @property
    def setup(self) -> str:
        return "Customized Setup" if self.form.is_customized else "Default Setup"

    @property
    def calls(self) -> str:
        """The kinds of call, in words."""
        kinds = [label for name, label in (("identify", "Identify"), ("track", "Track")) if self._sends(name)]
        return " and ".join(kinds)

    def _sends(self, kind: str) -> bool:
        return bool(self.form.shown[f"send_{kind}"])


@dataclass(frozen=True, kw_only=True)
class FirstSync:
    """What the first sync of an offer will be; `estimate` None when counting takes too long."""

    offer: Offer
    estimate: Estimate | None


def offers_of(space: Space, draft: Draft, posted: QueryDict | None = None) -> list[Offer]:
    """Every destination of the space that takes its calls, by name; what was posted counts for those ticked."""
    ticked = set(posted.getlist("destination")) if posted is not None else set(draft.choices)
    found = []
    destinations = list(Destination.objects.in_space(space).filter(deleted_at=None).order_by("name"))
    refused = space_refusals(destinations)
    for destination in destinations:
        definition = catalog.definition(destination.connector)
        if definition is None or not definition.is_selectable(is_of_accounts=collection_of(draft) == ACCOUNTS):
            continue
        name = destination.public_id
        is_chosen = name in ticked
        found.append(
            Offer(
                destination=destination,
                definition=definition,
                is_chosen=is_chosen,
                refusal=refused.get(destination.pk, ""),
                form=ConnectionForm(
                    posted if is_chosen else None,
                    destination=destination,
                    space=space,
                    prefix=name,
                    initial=draft.choices.get(name),
                    computation_key=draft.key,
                    collection=collection_of(draft),
                ),
            )
        )
    return found


def collection_of(draft: Draft) -> int:
    return ACCOUNTS if draft.collection == "accounts" else USERS


def take_choices(draft: Draft, offers: list[Offer]) -> bool:
    """Keep what is ticked in the draft. False when a form wants correcting or another row, or one is refused."""
    chosen = [offer for offer in offers if offer.is_chosen]
    draft.choices = {offer.destination.public_id: offer.form.values for offer in chosen}
    verdicts = [offer.form.is_valid() for offer in chosen]  # each form is to say what is wrong with it
    return all(verdicts) and not any(offer.refusal for offer in chosen)


def specs_of(draft: Draft, offers: list[Offer]) -> list[ConnectionSpec]:
    """What `create_audience` connects."""
    return [
        ConnectionSpec(destination=offer.destination, **draft.choices[offer.destination.public_id])
        for offer in offers
        if offer.is_chosen
    ]


def first_syncs(space: Space, draft: Draft, offers: list[Offer]) -> list[FirstSync]:
    """Calls and duration at each destination's rate, for those who match now; without history, nobody does yet."""
    chosen = [offer for offer in offers if offer.is_chosen]
    if not chosen or not draft.include_historical:
        return []
    members, params = members_query(
        space=space, definition=definition_of(draft), include_anonymous=draft.include_anonymous, now=timezone.now()
    )
    return [
        FirstSync(
            offer=offer,
            estimate=resync_estimate(_unsaved(space, draft, offer), members=members, params=params),
        )
        for offer in chosen
    ]


def _unsaved(space: Space, draft: Draft, offer: Offer) -> Connection:
    values: Mapping[str, Any] = draft.choices[offer.destination.public_id]
    return Connection(
        space=space,
        destination=offer.destination,
        computation_class="audience",
        computation_key=draft.key,
        collection=collection_of(draft),
        include_anonymous=draft.include_anonymous,
        **values,
    )
