"""The demo workspace: "Acme Store" with a Prod and a Dev space, through the same doors as everything else.

Loading twice changes nothing: a space that has its source is left alone.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

import msgspec
import zstandard
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audiences.services.audiences import create_audience
from audiences.services.connections import ConnectionSpec
from demo.services.journeys import load_journeys
from demo.services.shop import Size, history
from demo.services.traits import load_traits
from destinations.models import Destination
from destinations.services.destinations import create_destination
from ingest.models import InboundBatch
from spaces.models import ApiToken, Member, Source, Space, SpaceKind, User, Workspace
from spaces.services.sources import create_source
from spaces.services.spaces import create_space, create_workspace
from spaces.services.tokens import PREFIX, digest_of

EMAIL = "demo@acme.example"
WORKSPACE = "Acme Store"
TOKEN_LABEL = "Demo"  # noqa: S105 - a label
MESSAGES_A_BATCH = 500


@dataclass(frozen=True, kw_only=True)
class DemoLogin:
    """What `manage.py demo --json` prints. Derived from the secret key, so known at any time and on no other server."""

    url: str
    email: str
    password: str
    space: str
    write_key: str
    api_token: str
    echo_url: str


def _derived(purpose: str, length: int) -> str:
    return hmac.new(settings.SECRET_KEY.encode(), purpose.encode(), hashlib.sha256).hexdigest()[:length]


def password() -> str:
    return "acme-" + _derived("demo password", 10)


def api_token() -> str:
    return PREFIX + _derived("demo token", 40)


def login() -> DemoLogin | None:
    """The demo's access, or None when it is not loaded."""
    source = (
        Source.objects.filter(space__workspace__name=WORKSPACE, space__kind=SpaceKind.PROD, name="Website")
        .select_related("space")
        .order_by("id")
        .first()
    )
    if source is None:
        return None
    return DemoLogin(
        url=settings.ENGAGE_URL,
        email=EMAIL,
        password=password(),
        space=source.space.slug,
        write_key=source.write_key,
        api_token=api_token(),
        echo_url=f"{settings.ENGAGE_URL}/echo/demo",
    )


def load(*, say: Callable[[str], None], now: datetime | None = None) -> DemoLogin:
    """Load what is missing and answer the access. `say` is told about progress."""
    now = now or timezone.now()
    with transaction.atomic():
        prod, dev = _spaces()
    _fill(prod, size_of(settings.ENGAGE_DEMO_PEOPLE), now, seed=7, say=say)
    _fill(dev, size_of(settings.ENGAGE_DEMO_PEOPLE // 40), now, seed=8, say=say)
    found = login()
    if found is None:
        raise RuntimeError("The demo space has no source after loading it.")
    return found


def size_of(people: int) -> Size:
    """Of all people one in seven never says who they are."""
    return Size(customers=people - people // 7, visitors=people // 7)


def _spaces() -> tuple[Space, Space]:
    user = User.objects.filter(email=EMAIL).first() or User.objects.create_user(EMAIL, password(), name="Dana Demo")
    if not user.check_password(password()):
        user.set_password(password())
        user.save()
    workspace = Workspace.objects.filter(name=WORKSPACE, members__user=user).first()
    member = workspace.members.get(user=user) if workspace else create_workspace(name=WORKSPACE, owner=user)
    ApiToken.objects.get_or_create(
        digest=digest_of(api_token()),
        defaults={"member": member, "label": TOKEN_LABEL, "hint": f"…{api_token()[-4:]}"},
    )
    return (
        _space(member, "Acme Store", SpaceKind.PROD),
        _space(member, "Acme Store Dev", SpaceKind.DEV),
    )


def _space(member: Member, name: str, kind: SpaceKind) -> Space:
    found = Space.objects.filter(workspace=member.workspace, name=name).first()
    return found or create_space(member=member, name=name, kind=kind)


def _fill(space: Space, size: Size, now: datetime, *, seed: int, say: Callable[[str], None]) -> None:
    """History, destinations, audiences, computed traits and journeys of an empty space."""
    if Source.objects.in_space(space).exists():
        return
    owner = User.objects.get(email=EMAIL)
    people = size.customers + size.visitors
    say(f"Loading {space.name}: {people:,} people and a month of their events ...")
    with transaction.atomic():
        source = create_source(space=space, actor=owner, name="Website")
        for block in _blocks(history(size=size, now=now, seed=seed), MESSAGES_A_BATCH):
            _receive(space, source, block, now)
        destinations = _destinations(space, owner)
        _audiences(space, owner, destinations)
        load_traits(space=space, owner=owner, destinations=destinations)
        load_journeys(space=space, owner=owner, destinations=destinations, now=now)


def _blocks(calls: Iterable[dict[str, Any]], size: int) -> Iterator[list[dict[str, Any]]]:
    iterator = iter(calls)
    while block := list(islice(iterator, size)):
        yield block


def _receive(space: Space, source: Source, block: list[dict[str, Any]], now: datetime) -> None:
    """One request in the inbound log, as the tracking API would have written it."""
    body = msgspec.json.encode({"batch": block})
    InboundBatch.objects.create(
        space_id=space.pk,
        source_id=source.pk,
        received_at=now,
        call="batch",
        encoding=InboundBatch.Encoding.ZSTD,
        body=zstandard.ZstdCompressor(level=1).compress(body),
        ip="127.0.0.1",
    )


def _destinations(space: Space, owner: User) -> dict[str, Destination]:
    def echo(name: str, query: str = "") -> str:
        return f"{settings.ENGAGE_URL}/echo/{space.slug}-{name}{query}"

    def make(name: str, connector: str, url: str) -> Destination:
        return create_destination(
            space=space, actor=owner, name=name, connector=connector, settings={"url": url}, is_enabled=True
        )

    return {
        "crm": make("Acme CRM", "webhook", echo("crm")),
        "erp": make("Order desk", "webhook_classic", echo("orders")),
        "ads": make("Ad platform list", "webhook_list", echo("ads")),
        "flaky": make("Partner API (unreliable)", "webhook", echo("partner", "?fail=0.1")),
    }


def _event(name: str, **rest: Any) -> dict[str, Any]:
    return {"event": name, **rest}


def _definition(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"version": 1, "collection": "users", "where": {"all": list(conditions)}}


def _days(number: int) -> dict[str, Any]:
    return {"within": {"days": number}}


def _audiences(space: Space, owner: User, destinations: dict[str, Destination]) -> None:
    orders = [{"property": "revenue", "greater_or_equal": 100}]
    plans: list[tuple[str, str, dict[str, Any], list[str]]] = [
        (
            "Repeat buyers",
            "Ordered at least twice in the last 30 days.",
            _definition(_event("Order Completed", count={"gte": 2}, window=_days(30))),
            ["crm", "ads"],
        ),
        (
            "Big baskets on the pro plan",
            "Customers on the pro plan with an order of 100 € or more.",
            _definition(_event("Order Completed", properties=orders), {"trait": "plan", "equals": "pro"}),
            ["crm"],
        ),
        (
            "Abandoned carts",
            "Added a product in the last 7 days and ordered nothing since.",
            _definition(
                _event("Product Added", window=_days(7)),
                _event("Order Completed", count={"eq": 0}, window=_days(7)),
            ),
            ["erp", "flaky"],
        ),
        (
            "Newsletter readers in Berlin or Paris",
            "Subscribed to the newsletter and live in Berlin or Paris.",
            _definition(
                {"trait": "newsletter", "equals": True},
                {"trait": "address.city", "any_of": ["Berlin", "Paris"]},
            ),
            [],
        ),
        (
            "Dormant shoppers",
            "Signed up, but looked at nothing for two weeks.",
            _definition(
                _event("Signed Up", window={"between": {"from": {"days": 30}, "to": {"days": 14}}}),
                _event("Product Viewed", count={"eq": 0}, window=_days(14)),
            ),
            [],
        ),
    ]
    for name, description, definition, wanted in plans:
        create_audience(
            space=space,
            name=name,
            description=description,
            definition=definition,
            created_by=owner,
            destinations=[ConnectionSpec(destination=destinations[key]) for key in wanted],
        )
