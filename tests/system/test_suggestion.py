"""The hint after a name that is not known."""

from __future__ import annotations

import pytest

from midwatch.system.suggestion import did_you_mean, near_names, suggest


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("titel", ["title", "text"], "Did you mean 'title'?"),
        ("zzz", ["title", "text"], "Keys: title, text"),
        ("zzz", [], "Keys: nothing"),
        ("zzz", [f"a{number}" for number in range(14)], f"Keys: {', '.join(f'a{n}' for n in range(12))} and 2 more"),
    ],
)
def test_suggest_unknown_name_names_the_nearest_or_lists_the_known(name: str, known: list[str], hint: str) -> None:
    assert suggest(name, known, "Keys") == hint


def test_did_you_mean_no_near_name_returns_the_other_hint() -> None:
    assert did_you_mean("zzz", ["title"], "See the docs") == "See the docs"


def test_near_names_more_than_a_person_waits_for_compares_none() -> None:
    assert near_names("title1", [f"title{number}" for number in range(1000)])
    assert near_names("title1", [f"title{number}" for number in range(1001)]) == []
