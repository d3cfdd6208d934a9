from __future__ import annotations

from typing import Any

import pytest

from destinations.kit import auth
from destinations.kit.conversation import WAIT, Tokens, converse
from destinations.kit.definition import Action, Context, Conversation, DestinationDefinition, Item, Token
from destinations.kit.errors import InvalidAuthenticationError
from destinations.kit.http import Request, Response
from destinations.kit.testing import Rule, answer, body_of, run_action, run_operation, track
from destinations.kit.verdicts import Verdict

API, TOKEN = "https://api.example/things", "https://login.example/token"
OLD = Token(access_token="old", refresh_token="r1")


def post(_context: Context, _payload: dict[str, Any]) -> Request:
    return Request(method="POST", url=API)


def definition(scheme: auth.Auth, **functions: Any) -> DestinationDefinition:
    action = Action(key="send", title="Send", **(functions or {"perform": post}))
    return DestinationDefinition(slug="x", name="X", actions=(action,), auth=scheme)


def expired(*, allows: str = "new") -> list[Rule]:
    return [
        Rule(url=TOKEN, response=answer(200, {"access_token": allows, "refresh_token": "r2"})),
        Rule(url=API, response=answer(401), times=1),
    ]


def test_a_key_is_put_on_every_request() -> None:
    ran = run_action(definition(auth.key("Api-Key", "apiKey")), "send", settings={"apiKey": "k"}, events=[track()])

    assert dict(ran.request.headers) == {"Api-Key": "k"}


def test_basic_takes_two_settings() -> None:
    ran = run_action(definition(auth.basic("u", "p")), "send", settings={"u": "ann", "p": "s:1"}, events=[track()])

    assert dict(ran.request.headers) == {"Authorization": "Basic YW5uOnM6MQ=="}


def test_a_request_may_sign_itself() -> None:
    def perform(_context: Context, _payload: dict[str, Any]) -> Request:
        return Request(method="GET", url=API, headers={"authorization": "mine"})

    ran = run_action(definition(auth.bearer("k"), perform=perform), "send", settings={"k": "x"}, events=[track()])

    assert dict(ran.request.headers) == {"authorization": "mine"}


def test_an_expired_token_is_renewed_once_and_the_action_run_again() -> None:
    settings = {"oauth_client_id": "c", "oauth_client_secret": "s"}

    ran = run_action(
        definition(auth.oauth2(TOKEN)), "send", settings=settings, events=[track()], responses=expired(), token=OLD
    )

    assert ran.calls == [f"POST {API}", f"POST {TOKEN}", f"POST {API}"]
    assert body_of(ran.requests[1]) == {
        "refresh_token": "r1",
        "client_id": "c",
        "client_secret": "s",
        "grant_type": "refresh_token",
    }
    assert "Authorization" not in ran.requests[1].headers
    assert [ran.requests[place].headers["Authorization"] for place in (0, 2)] == ["Bearer old", "Bearer new"]
    assert ran.outcomes == ["delivered"]
    assert (ran.token.access_token, ran.token.refresh_token) == ("new", "r2")


def test_the_client_of_the_installation_is_used_where_the_destination_has_none() -> None:
    ran = run_action(
        definition(auth.oauth2(TOKEN, client_in="basic")),
        "send",
        events=[track()],
        responses=expired(),
        token=OLD,
        operator={"oauth_client_id": "a", "oauth_client_secret": "b"},
    )

    assert ran.requests[1].headers["Authorization"] == "Basic YTpi"
    assert body_of(ran.requests[1]) == {"refresh_token": "r1", "grant_type": "refresh_token"}


def test_a_second_401_ends_it() -> None:
    refusing = [Rule(url=TOKEN, response=answer(200, {"access_token": "new"})), Rule(url=API, response=answer(401))]

    ran = run_action(definition(auth.oauth2(TOKEN)), "send", events=[track()], responses=refusing, token=OLD)

    assert ran.calls == [f"POST {API}", f"POST {TOKEN}", f"POST {API}"]
    assert (ran.verdict.outcome, ran.verdict.status) == ("failed", 401)


def test_a_batch_is_run_again_as_a_whole() -> None:
    def perform_batch(_context: Context, items: list[Item]) -> Conversation:
        yield Request(method="POST", url=API, body=str(len(items)).encode())

    ran = run_action(
        definition(auth.oauth2(TOKEN), perform_batch=perform_batch),
        "send",
        events=[track(), track(user_id="u2")],
        responses=expired(),
        token=OLD,
    )

    assert [request.body for request in ran.requests if request.url == API] == [b"2", b"2"]
    assert ran.outcomes == ["delivered", "delivered"]


def test_without_a_refresh_token_the_sentence_says_what_to_do() -> None:
    ran = run_action(
        definition(auth.oauth2(TOKEN)), "send", events=[track()], responses=[answer(401)], token=Token(access_token="o")
    )

    assert len(ran.requests) == 1
    assert (ran.verdict.outcome, ran.verdict.code) == ("failed", "INVALID_AUTHENTICATION")
    assert "no refresh token" in ran.verdict.detail


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        (answer(400, {"error": "invalid_grant", "error_description": "token revoked"}), "failed"),
        (answer(400, {"error_description": "token request is already being processed"}), "retry"),
        (answer(503), "retry"),
        (answer(200, {"nothing": 1}), "failed"),
        (answer(200, "<html>"), "failed"),
    ],
)
def test_a_refusal_to_renew_is_judged(told: Response, outcome: str) -> None:
    rules = [Rule(url=TOKEN, response=told), Rule(url=API, response=answer(401))]

    ran = run_action(definition(auth.oauth2(TOKEN)), "send", events=[track()], responses=rules, token=OLD)

    assert ran.verdict.outcome == outcome
    assert ran.calls == [f"POST {API}", f"POST {TOKEN}"]


def test_client_credentials_ask_for_a_token_when_there_is_none() -> None:
    scheme = auth.client_credentials(TOKEN, lambda context: {"id": str(context.settings["id"])})

    ran = run_action(
        definition(scheme),
        "send",
        settings={"id": "7"},
        events=[track()],
        responses=[Rule(url=TOKEN, response=answer(200, {"access_token": "t", "instance_url": "https://i"}))],
    )

    assert ran.calls == [f"POST {TOKEN}", f"POST {API}"]
    assert ran.requests[1].headers["Authorization"] == "Bearer t"
    assert ran.token == Token(access_token="t", extra={"instance_url": "https://i"})


def test_a_session_token_is_put_where_the_vendor_wants_it() -> None:
    def login(context: Context) -> Conversation:
        response = yield from auth.asked(Request(method="POST", url=TOKEN, body=context.settings["user"].encode()))
        return Token(access_token=response.json()["authToken"])

    scheme = auth.session(login, lambda context: {"Authorization": context.token.access_token})

    ran = run_action(
        definition(scheme),
        "send",
        settings={"user": "ann"},
        events=[track()],
        responses=[Rule(url=TOKEN, response=answer(200, {"authToken": "s1"}))],
    )

    assert ran.requests[1].headers["Authorization"] == "s1"
    assert run_operation(
        definition(scheme), "refresh", settings={"user": "ann"}, responses=[answer(200, {"authToken": "s2"})]
    ).result == Token(access_token="s2")


def test_others_wait_for_the_one_who_renews() -> None:
    scheme, tokens = auth.oauth2(TOKEN), Tokens(OLD)
    context = Context(settings={}, token=OLD)
    one, two = (converse(lambda c: post(c, {}), context, auth=scheme, tokens=tokens) for _ in range(2))
    next(one), next(two)
    asking = one.send(Response(status=401))

    waiting = two.send(Response(status=401))
    again = one.send(answer(200, {"access_token": "new"}))
    told = two.send(Response(status=200))

    assert (asking.url, waiting) == (TOKEN, WAIT)
    assert [request.headers["Authorization"] for request in (again, told)] == ["Bearer new", "Bearer new"]


def test_a_token_that_could_not_be_renewed_is_not_tried_again() -> None:
    scheme, tokens = auth.oauth2(TOKEN), Tokens(OLD)
    context = Context(settings={}, token=OLD)
    one, two = (converse(lambda c: post(c, {}), context, auth=scheme, tokens=tokens) for _ in range(2))
    next(one), next(two)
    one.send(Response(status=401))
    with pytest.raises(StopIteration):
        one.send(answer(400, {"error": "invalid_grant"}))

    with pytest.raises(StopIteration) as stop:
        two.send(Response(status=401))

    verdict: Verdict = stop.value.value[0]
    assert (verdict.code, verdict.status) == ("INVALID_AUTHENTICATION", 401)


def test_an_error_of_the_connector_counts_as_a_401() -> None:
    calls: list[str] = []

    def perform(context: Context, _payload: dict[str, Any]) -> Conversation:
        calls.append(context.token.access_token)
        yield Request(method="POST", url=API)
        if context.token.access_token == "old":
            raise InvalidAuthenticationError("token invalid")

    ran = run_action(
        definition(auth.oauth2(TOKEN), perform=perform),
        "send",
        events=[track()],
        responses=[Rule(url=TOKEN, response=answer(200, {"access_token": "new"}))],
        token=OLD,
    )

    assert calls == ["old", "new"]
    assert ran.outcomes == ["delivered"]
