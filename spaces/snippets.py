"""Code that sends a first event to a source, for people to copy."""

from __future__ import annotations

from dataclasses import dataclass
from string import Template


@dataclass(frozen=True, kw_only=True)
class Snippet:
    """`language` is a Pygments lexer."""

    slug: str
    label: str
    language: str
    text: str


CURL = """curl $endpoint/v1/track \\
  -u $key: \\
  -H 'Content-Type: application/json' \\
  -d '{
    "userId": "user-1",
    "event": "Order Completed",
    "properties": {"revenue": 49.9, "currency": "EUR"},
    "context": {"traits": {"email": "jane@example.com"}}
  }'"""

PYTHON = """# pip install segment-analytics-python
import segment.analytics as analytics

analytics.write_key = "$key"
analytics.host = "$endpoint"

analytics.identify("user-1", {"email": "jane@example.com", "plan": "pro"})
analytics.track("user-1", "Order Completed", {"revenue": 49.9, "currency": "EUR"})
analytics.flush()"""

NODE = """// npm install @segment/analytics-node
import { Analytics } from "@segment/analytics-node";

const analytics = new Analytics({ writeKey: "$key", host: "$endpoint" });

analytics.identify({ userId: "user-1", traits: { email: "jane@example.com", plan: "pro" } });
analytics.track({ userId: "user-1", event: "Order Completed", properties: { revenue: 49.9 } });
await analytics.closeAndFlush();"""

BROWSER = """// npm install @segment/analytics-next
import { AnalyticsBrowser } from "@segment/analytics-next";

const analytics = AnalyticsBrowser.load(
  { writeKey: "$key", cdnSettings: { integrations: {} } },
  { integrations: { "Segment.io": { apiHost: "$host/v1", protocol: "$protocol" } } },
);

analytics.identify("user-1", { email: "jane@example.com", plan: "pro" });
analytics.track("Order Completed", { revenue: 49.9 });"""

TEXTS = (
    ("curl", "curl", "bash", CURL),
    ("python", "Python", "python", PYTHON),
    ("node", "Node.js", "javascript", NODE),
    ("browser", "JavaScript (browser)", "javascript", BROWSER),
)


def first_event_snippets(*, endpoint: str, write_key: str) -> list[Snippet]:
    protocol, _, host = endpoint.partition("://")
    values = {"endpoint": endpoint, "key": write_key, "host": host, "protocol": protocol}
    return [
        Snippet(slug=slug, label=label, language=language, text=Template(text).substitute(values))
        for slug, label, language, text in TEXTS
    ]
