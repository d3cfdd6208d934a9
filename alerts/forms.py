"""The form of an alert rule: the fields that its kind has. What is refused is decided by `services.rules`."""

from __future__ import annotations

from typing import Any

from django import forms

from alerts.kinds import KindFacts
from alerts.models import TARGETS, AlertRule, Direction
from alerts.selectors.alerts import watchable
from alerts.services.rules import webhook_host
from common.forms import ProductForm
from spaces.models import Space

KEEP_WEBHOOK = "Empty keeps the one to {host}."


class AlertForm(ProductForm):
    """`rule` is the one being changed; what it watches cannot be changed."""

    def __init__(
        self, *args: Any, space: Space, facts: KindFacts, rule: AlertRule | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self._space = space
        self._rule = rule
        if rule is None:
            for name in dict.fromkeys(name for one in facts.about for name in one):
                self.fields[name] = self._target_field(name, facts)
        if facts.threshold is not None:
            self.fields["threshold"] = forms.FloatField(label=facts.threshold_words, initial=f"{facts.threshold:g}")
        if facts.has_direction:
            self.fields["direction"] = forms.ChoiceField(
                label="Direction", choices=Direction.choices, initial=Direction.BOTH
            )
        if facts.hours is not None:
            self.fields["hours"] = forms.IntegerField(label="Over the last (hours)", initial=facts.hours)
        if facts.least is not None:
            self.fields["least"] = forms.IntegerField(label=facts.least_words, initial=facts.least)
        self.fields["in_app"] = forms.BooleanField(label="Bell in the app", required=False, initial=True)
        self.fields["emails"] = forms.CharField(
            label="E-mail",
            required=False,
            max_length=4000,
            help_text="Addresses, separated by commas. Each gets a message of its own.",
        )
        host = webhook_host(rule) if rule is not None else ""
        self.fields["webhook_url"] = forms.CharField(
            label="Webhook",
            required=False,
            max_length=2000,
            widget=forms.URLInput(attrs={"autocomplete": "off", "placeholder": "https://hooks.slack.com/services/…"}),
            help_text="An incoming webhook of Slack, or any address that takes a POST with JSON. "
            + (KEEP_WEBHOOK.format(host=host) if host else ""),
        )
        if host:
            self.fields["no_webhook"] = forms.BooleanField(label=f"Remove the webhook to {host}", required=False)

    @staticmethod
    def initial_of(rule: AlertRule) -> dict[str, Any]:
        return {
            "threshold": None if rule.threshold is None else f"{rule.threshold:g}",
            "direction": rule.direction,
            "hours": rule.hours,
            "least": rule.least,
            "in_app": rule.in_app,
            "emails": ", ".join(rule.emails),
        }

    def values(self) -> dict[str, Any]:
        """What the services take."""
        data = dict(self.cleaned_data)
        found: dict[str, Any] = {
            name: data[name] for name in ("threshold", "direction", "hours", "least", "in_app") if name in data
        }
        found["emails"] = data["emails"].split(",")
        url = data["webhook_url"].strip()
        found["webhook_url"] = "" if data.get("no_webhook") else (url or (None if self._rule is not None else ""))
        for name in TARGETS:
            if name in data:
                found[name] = self._target(name, data[name])
        return found

    def _target_field(self, name: str, facts: KindFacts) -> forms.ChoiceField:
        is_required = all(name in one for one in facts.about)
        choices = [("", f"Choose a {name}" if is_required else ("Any" if () in facts.about else "None"))]
        choices += [(row.public_id, str(row)) for row in watchable(self._space)[name]]
        return forms.ChoiceField(label=name.capitalize(), choices=choices, required=is_required)

    def _target(self, name: str, public_id: str) -> Any:
        return watchable(self._space)[name].filter(public_id=public_id).first() if public_id else None
