"""A plan as rows: totals first, then what goes, what stays last, together by their reasons; patterns in words."""

from __future__ import annotations

from datetime import timedelta

from actions.trigger import readable
from midwatch.api.plan import PlanDraft, Verb
from screens.widgets.plan_lines import plan_lines
from screens.widgets.styles import TextStyles
from tests.support.reference_incident import NIGHT


def test_a_plan_sums_up_first_and_lists_what_stays_last_grouped_by_reason() -> None:
    draft = PlanDraft("clean", {})
    draft.add(Verb.KEEP, "a", size=1_000, note="newest good one", kind="set")
    draft.add(Verb.REMOVE, "b", size=2_000, kind="set", note="older than 14 d", reversible=False)
    draft.add(Verb.KEEP, "c", size=1_000, note="in use", kind="set")
    draft.add(Verb.REMOVE, "d", size=2_000, kind="set", note="older than 14 d", reversible=False)
    draft.add(Verb.CREATE, "e", size=5)
    draft.add(Verb.KEEP, "f", size=1_000, note="newest good one", kind="set")
    lines = plan_lines(draft.plan(), NIGHT, NIGHT + timedelta(seconds=4), 60, TextStyles())
    assert [line.plain.rstrip() for line in lines] == [
        "What it will do, read 4 s ago",
        " in all  frees 4.0 kB; writes 5 B; removes 2 sets; creates 1",
        "         item; keeps 3",
        "         What it removes cannot be undone",
        " remove  older than 14 d                      2 sets, 4.0 kB",
        "         b                                            2.0 kB",
        "         d                                            2.0 kB",
        " create  e                                               5 B",
        " keep    newest good one                      2 sets, 2.0 kB",
        "         a, f",
        " keep    c  in use                                    1.0 kB",
    ]


def test_a_pattern_is_said_in_words_where_it_has_any() -> None:
    assert readable(r"\[(FAILURE|ERROR)\].*(CI/CD|job)\s+failed") == "[FAILURE or ERROR] … CI/CD or job failed"
    assert readable(r"took \d+ s\.") == "took N s."
    assert [readable(text) for text in (r"9[5-9]", r"(?i)a", r"a{2}", r"\bx", "a+")] == [""] * 5
