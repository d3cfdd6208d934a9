"""A selection of dead letters as a sentence: what a replay run is called."""

from __future__ import annotations

from delivery.models import Connection
from delivery.selectors.dead_letters import Selection
from delivery.selectors.reasons import reason
from destinations.models import Destination
from profiles.models import Profile
from spaces.models import Space


def selection_words(space: Space, selection: Selection) -> str:
    """`Dead letters of Big spenders → Braze: The destination found the request bad (400)`."""
    parts = ["Dead letters"] if not selection.ids else [f"{len(selection.ids):,} dead letters"]
    if selection.connection_id is not None:
        connection = Connection.objects.in_space(space).select_related("destination").get(pk=selection.connection_id)
        parts.append(f"of {connection.computation_name} → {connection.destination.name}")
    elif selection.destination_id is not None:
        parts.append(f"of {Destination.objects.in_space(space).get(pk=selection.destination_id).name}")
    if selection.profile_id is not None:
        profile = Profile.objects.in_space(space).filter(id=selection.profile_id).first()
        parts.append(f"about {profile.segment_id if profile is not None else 'a deleted profile'}")
    if selection.message_id is not None:
        parts.append(f"with the message ID {selection.message_id}")
    if selection.since is not None:
        parts.append(f"since {selection.since:%Y-%m-%d %H:%M} UTC")
    if selection.until is not None:
        parts.append(f"until {selection.until:%Y-%m-%d %H:%M} UTC")
    words = " ".join(parts)
    if selection.reason is not None:
        found = reason(selection.reason)
        # The title of a code that we do not know is made of it.
        is_known = found.code and found.title.lower() != found.code.replace("_", " ").lower()
        words += f": {found.title} ({found.code})" if is_known else f": {found.title}"
    elif words == "Dead letters":
        words = "All dead letters"
    return words
