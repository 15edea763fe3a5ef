"""Plan, then apply, and nothing else: what consent is bound to."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.api.plan import Effect, Plan, PlanDraft, Verb
from midwatch.system.errors import Refused

effects = st.builds(
    Effect,
    st.sampled_from(Verb),
    st.text(min_size=1),
    st.none() | st.integers(0, 2**60),
    st.booleans(),
    st.text(),
    st.text(),
)
texts = st.dictionaries(st.text(), st.text(), max_size=4)
plans = st.builds(Plan, st.text(min_size=1), texts, st.lists(effects, max_size=8).map(tuple), bindings=texts)


@given(plans)
def test_plan_read_back_from_json_has_the_same_digest(plan: Plan) -> None:
    again = Plan.from_json(json.loads(json.dumps(plan.to_json())))
    assert again == plan
    assert again.digest == plan.digest


@given(plans)
def test_plan_is_within_itself(plan: Plan) -> None:
    plan.require_within(plan)


@given(plans, effects)
def test_plan_with_an_added_effect_is_refused_and_with_fewer_is_not(plan: Plan, effect: Effect) -> None:
    more = replace(plan, effects=(*plan.effects, effect))
    plan.require_within(more)
    if effect.verb.touches and effect.key not in {known.key for known in plan.effects}:
        with pytest.raises(Refused, match="added"):
            more.require_within(plan)
        assert more.digest != plan.digest
    else:
        more.require_within(plan)


@given(plans, st.sampled_from(("parameters", "bindings")), st.text(), st.text())
def test_plan_with_another_input_has_another_digest_and_is_refused(
    plan: Plan, where: str, name: str, value: str
) -> None:
    """Whatever is added, taken away or changed among what has to match exactly."""
    inputs: dict[str, str] = dict(getattr(plan, where))
    for other in ({**inputs, name: value}, {key: text for key, text in inputs.items() if key != name}):
        changed = replace(plan, **{where: other})  # type: ignore[arg-type]
        if other == inputs:
            assert changed.digest == plan.digest
            continue
        assert changed.digest != plan.digest
        for one, another in ((plan, changed), (changed, plan)):
            with pytest.raises(Refused, match="Since the plan was confirmed"):
                one.require_within(another)


@given(plans, st.text(min_size=1))
def test_plan_of_another_action_has_another_digest_and_is_refused(plan: Plan, action: str) -> None:
    changed = replace(plan, action=action)
    if action == plan.action:
        return
    assert changed.digest != plan.digest
    with pytest.raises(Refused, match="the action changed"):
        changed.require_within(plan)


@given(plans, st.data())
def test_effects_that_shrink_are_within_and_those_that_grow_are_refused(plan: Plan, data: st.DataObject) -> None:
    kept = data.draw(st.lists(st.sampled_from(plan.effects), unique=True) if plan.effects else st.just([]))
    fewer = replace(plan, effects=tuple(kept))
    fewer.require_within(plan)
    if {e.key for e in plan.effects if e.verb.touches} - {e.key for e in kept}:
        assert fewer.digest != plan.digest
        with pytest.raises(Refused, match="was added"):
            plan.require_within(fewer)


def test_size_and_note_may_drift_but_not_the_thing() -> None:
    old = Plan("clean", {}, (Effect(Verb.REMOVE, "image a", 10, identity="sha256:1"),))
    same = Plan("clean", {}, (Effect(Verb.REMOVE, "image a, renamed", 11, note="used", identity="sha256:1"),))
    other = Plan("clean", {}, (Effect(Verb.REMOVE, "image a", 10, identity="sha256:2"),))
    same.require_within(old)
    assert same.digest == old.digest
    with pytest.raises(Refused):
        other.require_within(old)


def test_change_is_not_consent_to_a_removal() -> None:
    old = Plan("clean", {}, (Effect(Verb.CHANGE, "file"), Effect(Verb.KEEP, "other")))
    with pytest.raises(Refused, match="remove other"):
        Plan("clean", {}, (Effect(Verb.REMOVE, "other"),)).require_within(old)


def test_other_parameters_are_another_plan() -> None:
    with pytest.raises(Refused, match="other parameters"):
        Plan("clean", {"below": "70 %"}).require_within(Plan("clean", {"below": "80 %"}))


def test_totals_say_what_goes_and_what_does_not() -> None:
    draft = PlanDraft("clean", {})
    draft.add(Verb.REMOVE, "image a", size=14_000_000_000, kind="image")
    assert draft.plan().totals() == ""  # one row says it all
    draft.add(Verb.REMOVE, "image b", size=200_000_000, kind="image")
    draft.add(Verb.REMOVE, "container old", kind="container")
    draft.add(Verb.CREATE, "a log")
    draft.add(Verb.KEEP, "container arp-db-prod")
    assert (
        draft.plan().totals(["arp-db-prod"])
        == "frees 14.2 GB; removes 2 images, 1 container; creates 1 item; none of them arp-db-prod; keeps 1"
    )
    draft.add(Verb.REMOVE, "container arp-db-prod", kind="container")
    assert (
        draft.plan().totals(["arp-db-prod"]) == "frees 14.2 GB; removes 2 images, 2 containers; creates 1 item; keeps 1"
    )
    assert "none of them otc, gps or crm;" in draft.plan().totals(["otc", "gps", "crm"])


def test_totals_say_what_is_freed_in_the_words_of_the_action() -> None:
    draft = PlanDraft("clean", {})
    draft.fact("frees", "about 14.2 GB: 96 % → 71 %")
    assert draft.plan().totals() == ""  # nothing goes
    draft.add(Verb.REMOVE, "image a", size=14_200_000_000, kind="image")
    assert draft.plan().totals() == "frees about 14.2 GB: 96 % → 71 %"
    draft.add(Verb.REMOVE, "image b", size=1_000_000, kind="image")
    assert draft.plan().totals() == "frees about 14.2 GB: 96 % → 71 %; removes 2 images"
