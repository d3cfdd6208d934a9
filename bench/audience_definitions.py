"""Ten definitions from simple to funnel, each with the best SQL we know to write by hand for the same rows.

The SQL selects (profile_id, is_member, recheck_at) of everybody for whom a row is stored: members, and people whose
verdict time alone can change.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

# Who is not anonymous: the same question that the audiences ask by default.
KNOWN = (
    "profile_id IN (SELECT x.profile_id FROM external_id x WHERE x.space_id = %(space)s "
    "AND x.id_type IN ('user_id', 'email', 'android.idfa', 'ios.idfa'))"
)
EVENTS = "event e WHERE e.profile_id > 0 AND e.space_id = %(space)s AND e.type = 0 AND e.ts <= %(now)s AND e.name = "
RECENT = "e.ts > %(now)s - interval '30 days'"


@dataclass(frozen=True, kw_only=True)
class Case:
    name: str
    where: dict[str, Any]
    by_hand: str


def month(name: str, **more: Any) -> dict[str, Any]:
    return {"event": name, "window": {"within": {"days": 30}}, **more}


CASES = (
    Case(
        name="trait",
        where={"trait": "plan", "equals": "pro"},
        by_hand=f"SELECT profile_id, true, NULL::timestamptz FROM (SELECT id AS profile_id FROM profile "
        f"WHERE space_id = %(space)s AND collection = 0 AND traits -> 'plan' = '\"pro\"') p WHERE {KNOWN}",
    ),
    Case(
        name="event_ever",
        where={"event": "Order Completed"},
        by_hand=f"SELECT profile_id, true, NULL::timestamptz FROM {EVENTS} 'Order Completed' AND {KNOWN} "
        "GROUP BY profile_id",
    ),
    Case(
        name="event_property",
        where={"event": "Order Completed", "properties": [{"property": "revenue", "greater_than": 50}]},
        by_hand=f"SELECT profile_id, true, NULL::timestamptz FROM {EVENTS} 'Order Completed' "
        f"AND properties -> 'revenue' > '50' AND jsonb_typeof(properties -> 'revenue') = 'number' AND {KNOWN} "
        "GROUP BY profile_id",
    ),
    Case(
        name="event_count_window",
        where=month("Order Completed", count={"gte": 2}),
        by_hand=f"SELECT profile_id, true, min(ts) + interval '30 days' FROM {EVENTS} 'Order Completed' AND {RECENT} "
        f"AND {KNOWN} GROUP BY profile_id HAVING count(*) >= 2",
    ),
    Case(
        name="event_property_and_trait",
        where={
            "all": [
                month("Order Completed", count={"gte": 2}, properties=[{"property": "revenue", "greater_than": 50}]),
                {"trait": "plan", "equals": "pro"},
            ]
        },
        by_hand=f"SELECT a.profile_id, true, a.leaves FROM (SELECT profile_id, min(ts) + interval '30 days' AS leaves "
        f"FROM {EVENTS} 'Order Completed' AND {RECENT} AND properties -> 'revenue' > '50' "
        f"AND jsonb_typeof(properties -> 'revenue') = 'number' AND {KNOWN} GROUP BY profile_id "
        "HAVING count(*) >= 2) a JOIN profile p ON p.space_id = %(space)s AND p.collection = 0 AND p.id = a.profile_id "
        "WHERE p.traits -> 'plan' = '\"pro\"'",
    ),
    Case(
        name="between",
        where={"event": "Product Added", "window": {"between": {"from": {"days": 60}, "to": {"days": 30}}}},
        by_hand="SELECT profile_id, count(*) FILTER (WHERE ts <= %(now)s - interval '30 days') > 0, "
        "CASE WHEN count(*) FILTER (WHERE ts <= %(now)s - interval '30 days') > 0 "
        "THEN max(ts) FILTER (WHERE ts <= %(now)s - interval '30 days') + interval '60 days' "
        "ELSE min(ts) + interval '30 days' END "
        f"FROM {EVENTS} 'Product Added' AND e.ts > %(now)s - interval '60 days' AND {KNOWN} GROUP BY profile_id",
    ),
    Case(
        name="did_and_did_not",
        where={"all": [month("Checkout Started"), month("Order Completed", count={"eq": 0})]},
        by_hand="SELECT profile_id, bought IS NULL, CASE WHEN bought IS NULL THEN began + interval '30 days' "
        "ELSE bought + interval '30 days' END FROM (SELECT profile_id, "
        "max(ts) FILTER (WHERE name = 'Checkout Started') AS began, max(ts) FILTER (WHERE name = 'Order Completed') "
        "AS bought FROM event e WHERE e.profile_id > 0 AND e.space_id = %(space)s AND e.type = 0 AND e.ts <= %(now)s "
        f"AND e.name IN ('Checkout Started', 'Order Completed') AND {RECENT} AND {KNOWN} GROUP BY profile_id) g "
        "WHERE began IS NOT NULL",
    ),
    Case(
        name="any_of_three",
        where={
            "any": [
                month("Review Written"),
                {"event": "Coupon Entered", "count": {"gte": 3}},
                {"trait": "age", "greater_than": 75},
            ]
        },
        by_hand="SELECT p.id, true, CASE WHEN p.traits -> 'age' > '75' OR g.coupons >= 3 THEN NULL "
        "ELSE g.reviewed + interval '30 days' END FROM (SELECT id, id AS profile_id, traits FROM profile "
        "WHERE space_id = %(space)s AND collection = 0) p LEFT JOIN (SELECT profile_id, "
        f"max(ts) FILTER (WHERE name = 'Review Written' AND {RECENT}) AS reviewed, "
        "count(*) FILTER (WHERE name = 'Coupon Entered') AS coupons FROM event e WHERE e.profile_id > 0 "
        "AND e.space_id = %(space)s AND e.type = 0 AND e.ts <= %(now)s "
        "AND e.name IN ('Review Written', 'Coupon Entered') GROUP BY profile_id) g "
        "ON g.profile_id = p.id WHERE (p.traits -> 'age' > '75' AND jsonb_typeof(p.traits -> 'age') = 'number' "
        f"OR g.coupons >= 3 OR g.reviewed IS NOT NULL) AND p.{KNOWN}",
    ),
    Case(
        name="funnel_did_not",
        where=month("Checkout Started", then={"event": "Order Completed", "performed": False, "within": {"hours": 1}}),
        by_hand="SELECT profile_id, bool_or(ts + interval '1 hour' <= %(now)s), "
        "CASE WHEN bool_or(ts + interval '1 hour' <= %(now)s) THEN max(ts) + interval '30 days' "
        "ELSE min(ts) + interval '1 hour' END "
        f"FROM {EVENTS} 'Checkout Started' AND {RECENT} AND NOT EXISTS (SELECT FROM event c "
        "WHERE c.space_id = e.space_id AND c.profile_id = e.profile_id AND c.type = 0 AND c.name = 'Order Completed' "
        f"AND c.ts > e.ts AND c.ts <= e.ts + interval '1 hour') AND {KNOWN} GROUP BY profile_id",
    ),
    Case(
        name="funnel_same_category",
        where=month(
            "Product Added",
            then={
                "event": "Order Completed",
                "performed": True,
                "within": {"days": 7},
                "properties": [{"property": "category", "equals": {"parent_property": "category"}}],
            },
        ),
        by_hand=f"SELECT profile_id, true, max(ts) + interval '30 days' FROM {EVENTS} 'Product Added' AND {RECENT} "
        "AND EXISTS (SELECT FROM event c WHERE c.space_id = e.space_id AND c.profile_id = e.profile_id AND c.type = 0 "
        "AND c.name = 'Order Completed' AND c.ts > e.ts AND c.ts <= e.ts + interval '7 days' AND c.ts <= %(now)s "
        f"AND c.properties -> 'category' = e.properties -> 'category') AND {KNOWN} GROUP BY profile_id",
    ),
)
