"""Settings: identity resolution, the rules by which identifiers make profiles."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from engine.identity import default_rules
from profiles.forms import NewRuleForm, RuleForm
from profiles.models import ACCOUNTS, USERS, IdentifierRule
from profiles.services import rule_editing
from spaces.access import SpaceRequest, space_view
from spaces.models import Role


@space_view()
@require_GET
def identity_rules(request: SpaceRequest) -> HttpResponse:
    rows = list(IdentifierRule.objects.filter(space=request.space).order_by("priority", "id_type"))
    if not rows:
        rows = _defaults(request)
    shown = {
        "groups": [
            {"label": label, "rules": [row for row in rows if row.collection == number]}
            for label, number in (("Users", USERS), ("Accounts", ACCOUNTS))
        ],
    }
    return render(request, "profiles/identity_rules.html", shown)


@space_view(Role.ADMIN)
@require_http_methods(["GET", "POST"])
def rule_new(request: SpaceRequest) -> HttpResponse:
    form = NewRuleForm(request.POST or None, initial={"value_limit": 5, "period": "ever"})
    if request.method == "POST" and form.is_valid():
        values = _values(form.cleaned_data)
        rule = form.carry_out(lambda: rule_editing.create_rule(space=request.space, actor=request.user, **values))
        if rule is not None:
            messages.success(request, f"{rule.id_type} is an identifier now, for events from here on.")
            return redirect("profiles:identity_rules", space=request.space.slug)
    status = 422 if request.method == "POST" else 200
    return render(request, "profiles/identity_rule.html", {"form": form}, status=status)


@space_view(Role.ADMIN)
@require_http_methods(["GET", "POST"])
def rule(request: SpaceRequest, collection: str, id_type: str) -> HttpResponse:
    found = _rule(request, collection, id_type)
    if request.method != "POST":
        initial = {
            "value_limit": found.value_limit,
            "period": found.period,
            "trait_key": found.trait_key,
            "blocked_values": rule_editing.format_blocks(found.blocked_values),
        }
        form = RuleForm(initial=initial, id_type=found.id_type)
        return render(request, "profiles/identity_rule.html", {"form": form, "rule": found})
    form = RuleForm(request.POST, id_type=found.id_type)
    if form.is_valid():
        values = _values(form.cleaned_data)
        if form.carry_out(lambda: rule_editing.update_rule(rule=found, actor=request.user, **values)):
            messages.success(request, f"The rule of {found.id_type} was saved. It applies to new events.")
            return redirect("profiles:identity_rules", space=request.space.slug)
    return render(request, "profiles/identity_rule.html", {"form": form, "rule": found}, status=422)


@space_view(write=Role.ADMIN)
@require_POST
def rule_move(request: SpaceRequest, collection: str, id_type: str) -> HttpResponse:
    found = _rule(request, collection, id_type)
    rule_editing.move_rule(rule=found, actor=request.user, up=request.POST.get("direction") == "up")
    return redirect("profiles:identity_rules", space=request.space.slug)


def _values(cleaned: dict[str, Any]) -> dict[str, Any]:
    return {**cleaned, "blocked_values": rule_editing.parse_blocks(cleaned["blocked_values"])}


def _rule(request: SpaceRequest, collection: str, id_type: str) -> IdentifierRule:
    rule_editing.ensure_rules(request.space)
    number = ACCOUNTS if collection == "accounts" else USERS
    rules = IdentifierRule.objects.select_related("space__workspace").filter(space=request.space)
    return get_object_or_404(rules, collection=number, id_type=id_type)


def _defaults(request: SpaceRequest) -> list[IdentifierRule]:
    """The rules that hold while none was stored, as unsaved rows."""
    rows = [
        IdentifierRule(
            space=request.space,
            id_type=rule.id_type,
            collection=rule.collection,
            value_limit=rule.value_limit,
            period=rule.period,
            priority=rule.priority,
            blocked_values=[
                *({"kind": "regex", "value": pattern.pattern} for pattern in rule.regex_blocks),
                *({"kind": "exact", "value": value} for value in sorted(rule.exact_blocks)),
            ],
        )
        for rule in default_rules().by_type.values()
    ]
    return sorted(rows, key=lambda row: (row.priority, row.id_type))
