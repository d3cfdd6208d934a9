"""Connecting an account at the vendor in the browser: out to its page of consent, back with a code, tokens stored.

The address that the vendor leads back to is the same for the whole installation (`callback_url`); the signed state
says which destination was meant, and the browser that began holds the same nonce.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

import msgspec
from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from common.errors import ConflictError
from common.secrets import encrypt
from destinations.config import DestinationConfig, load_config
from destinations.kit.auth import Auth, consent_url, oauth_client
from destinations.kit.conversation import converse
from destinations.models import Destination
from destinations.services.tester import hear
from destinations.services.tokens import end_pause
from spaces import audit
from spaces.models import User

SALT = "destinations.consent"
STATE_SECONDS = 600


@dataclass(frozen=True, kw_only=True)
class Begun:
    """`url` is the vendor's page; keep `nonce` in the session of the browser that is sent there."""

    url: str
    nonce: str


@dataclass(frozen=True, kw_only=True)
class State:
    """What a state says: which destination, for whom."""

    destination: str
    user: int
    nonce: str


def callback_url() -> str:
    """To be registered with the vendor's app as its redirect address."""
    return settings.ENGAGE_URL + reverse("destination_consent")


def consent_refusal(destination: Destination) -> str:
    """Why no account can be connected, "" when one can."""
    config = load_config(destination.pk)
    auth = _auth(config)
    if config is None or auth is None or auth.consent is None:
        return "This connector does not connect accounts in the browser. Give its credentials in the settings."
    client_id, client_secret = oauth_client(config.context({}))
    if not client_id or not client_secret:
        return (
            "Give the client ID and secret of your app in the settings first, or have the operator set them for the "
            "installation."
        )
    return ""


def begin_consent(*, destination: Destination, actor: User) -> Begun:
    """Where to send the browser. ConflictError: the connector has no such page, or the client is not known."""
    if refusal := consent_refusal(destination):
        raise ConflictError(refusal)
    config = load_config(destination.pk)
    auth = _auth(config)
    assert config is not None
    assert auth is not None
    nonce = secrets.token_urlsafe(16)
    state = signing.dumps([destination.public_id, actor.pk, nonce], salt=SALT)
    url = consent_url(auth, config.context({}), redirect_uri=callback_url(), state=state)
    return Begun(url=url, nonce=nonce)


def read_state(text: str) -> State | None:
    """None for a state that is not ours, was changed, or is older than ten minutes."""
    try:
        destination, user, nonce = signing.loads(text, salt=SALT, max_age=STATE_SECONDS)
    except (signing.BadSignature, ValueError):
        return None
    return State(destination=destination, user=user, nonce=nonce)


def finish_consent(*, destination: Destination, code: str, actor: User) -> Destination:
    """Make tokens of the code, store them encrypted and let waiting calls go. ConflictError with the vendor's words."""
    config = load_config(destination.pk)
    auth = _auth(config)
    exchange = auth.exchange if auth is not None else None
    if config is None or exchange is None:
        raise ConflictError("This connector does not connect accounts in the browser.")
    context = config.context({}, now=timezone.now())
    verdict, token = hear(converse(lambda known: exchange(known, code, callback_url()), context))
    if verdict.outcome != "delivered":
        raise ConflictError(f"The account was not connected. {verdict.detail}")
    return _store(destination, msgspec.to_builtins(token), actor)


@transaction.atomic
def _store(destination: Destination, token: dict[str, object], actor: User) -> Destination:
    rows = Destination.objects.select_for_update(no_key=True, of=("self",)).select_related("space__workspace")
    locked: Destination | None = rows.filter(pk=destination.pk, deleted_at=None).first()
    if locked is None:
        raise ConflictError("This destination was deleted meanwhile.")
    locked.token = encrypt(token)
    end_pause(locked)
    locked.save(update_fields=["token", "paused_at", "pause_reason", "updated_at"])
    audit.record(space=locked.space, actor=actor, action="destination.account_connected", target=locked)
    return locked


def has_account(destination: Destination) -> bool:
    """Whether there is a token: connected, or pasted."""
    config = load_config(destination.pk)
    return config is not None and bool(config.token.access_token)


def _auth(config: DestinationConfig | None) -> Auth | None:
    return config.definition.auth if config is not None and config.definition is not None else None
