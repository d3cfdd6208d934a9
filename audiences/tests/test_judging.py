"""The verdicts of a history that arrives bit by bit are those of the whole history so far."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from audiences.tests.strategies_conditions import NOW, definitions, profiles
from engine.conditions import Options, ProfileState, evaluate, parse
from engine.conditions.judging import Judge

minutes = st.lists(st.integers(0, 20_000), min_size=1, max_size=4).map(sorted)


@settings(max_examples=400, deadline=None)
@given(definitions, profiles, profiles, minutes, st.booleans(), st.data())
def test_judge_agrees_with_evaluate_as_events_arrive_and_time_passes(
    definition, profile, other, waits, include_anonymous, data
):
    condition = parse(definition)
    options = Options(
        include_anonymous=include_anonymous,
        historical_from=data.draw(st.sampled_from([None, NOW - timedelta(days=1)])),
        occurred_from=data.draw(st.sampled_from([None, NOW - timedelta(days=2)])),
    )
    events = data.draw(st.permutations(list(profile.events)))
    judge = Judge(condition, options)
    added = []

    for number, wait in enumerate(waits):
        now = NOW + timedelta(minutes=wait)
        share = len(events) * (number + 1) // len(waits)
        for event in events[len(added) : share]:
            judge.add(event)
            added.append(event)
        traits = (profile if number % 2 == 0 else other).traits
        state = ProfileState(
            traits=traits, identifiers=profile.identifiers, memberships=profile.memberships, events=added
        )

        ruling = judge.judge(traits, profile.identifiers, profile.memberships, now)

        verdict = evaluate(condition, state, now, options)
        assert (ruling.is_member, ruling.recheck_at) == (verdict.is_member, verdict.recheck_at)
