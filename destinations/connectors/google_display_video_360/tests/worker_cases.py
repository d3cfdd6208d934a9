from __future__ import annotations

from typing import Any

from destinations.connectors.google_display_video_360 import wire
from destinations.kit.testing import Rule, WorkerCase, answer

NAME = "products/GOOGLE_AD_MANAGER/customers/777/userLists/300"
API = "https://audiencepartner.googleapis.com/v2/products/GOOGLE_AD_MANAGER/customers/777"
TOKENS, UPLOAD = "https://accounts.google.com/o/oauth2/token", "https://cm.g.doubleclick.net/upload?nid=eng"
PARTNER = {
    "oauth_client_id": "c",
    "oauth_client_secret": "s",
    "refresh_token": "r",
    "partner_id": "1663",
    "network_id": "eng",
}
TOKEN = (
    f"POST {TOKENS}",
    {"refresh_token": "r", "client_id": "c", "client_secret": "s", "grant_type": "refresh_token"},
)
CREATE = {
    "basicUserList": {},
    "type": "REMARKETING",
    "membershipStatus": "OPEN",
    "name": "VIP",
    "description": "Made by Engage Admin",
    "membershipLifeSpan": "540",
}
QUERY = (
    "SELECT user_list.name, user_list.description, user_list.membership_status, user_list.match_rate_percentage "
    f'FROM user_list WHERE user_list.resource_name = "{NAME}"'
)
LOOK = [TOKEN, (f"POST {API}/audiencePartner:searchStream", {"query": QUERY})]


def upload(count: int, *, is_delete: bool) -> tuple[str, Any]:
    one = wire.Operation(user_id="g-1", user_id_type=wire.GOOGLE_USER_ID, list_id=300, is_delete=is_delete)
    return f"POST {UPLOAD}", wire.request([one] * count).decode("utf-8", "replace")


CASES = [
    WorkerCase(
        settings={},
        audience_settings={"advertiserId": "777", "accountType": "GOOGLE_AD_MANAGER"},
        operator=PARTNER,
        traits={"google_gid": "g-1"},
        responses=[
            Rule(url=TOKENS, response=answer(200, {"access_token": "tok"})),
            Rule(url=f"{API}/userLists", response=answer(200, {"results": [{"resourceName": NAME}]})),
            Rule(
                url=f"{API}/audiencePartner",
                response=answer(200, [{"results": [{"userList": {"resourceName": NAME}}]}]),
            ),
        ],
        added=[
            TOKEN,
            (f"POST {API}/userLists:mutate", {"operations": [{"create": CREATE}]}),
            upload(1, is_delete=False),
        ],
        changed=[*LOOK, upload(1, is_delete=False)],
        removed=[*LOOK, upload(2, is_delete=True)],
        failing=answer(500, "INTERNAL_ERROR"),
        failing_url=UPLOAD,
    )
]
