"""Asking the vendor whether it takes settings that are not saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from common.errors import InvalidError
from common.secrets import encrypt
from destinations.config import build_config
from destinations.kit.conversation import Tokens, converse
from destinations.kit.definition import DestinationDefinition
from destinations.kit.verdicts import Verdict
from destinations.models import Destination
from destinations.services.destinations import given_settings
from destinations.services.tester import hear
from spaces.models import Space


def check_settings(
    *,
    space: Space,
    definition: DestinationDefinition,
    settings: Mapping[str, Any],
    destination: Destination | None = None,
) -> Verdict | None:
    """What the vendor says to these settings; nothing is stored. None: there is no harmless request to ask with.

    Secrets left empty are those that `destination` has stored, and so is the account that it is connected to.
    InvalidError names the fields that are wrong, before anything is sent.
    """
    if definition.test_connection is None:
        return None
    plain, secrets, errors = given_settings(definition, settings, destination)
    if errors:
        raise InvalidError("The settings are not valid.", errors)
    tried = Destination(
        space=space,
        connector=definition.slug,
        name=definition.name,
        settings=plain,
        secrets=encrypt(secrets),
        token=destination.token if destination is not None else b"",
    )
    config = build_config(tried, [])
    context = config.context({}, now=timezone.now())
    verdict, _result = hear(
        converse(definition.test_connection, context, auth=definition.auth, tokens=Tokens(config.token))
    )
    return verdict
