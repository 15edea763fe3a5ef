"""Checks the questions of a runbook: duplicates, choices without options, invalid defaults, secrets."""

from __future__ import annotations

from collections import Counter

from midwatch.runbook.builder import question_of
from midwatch.runbook.fields import Fields, Found, Problems
from midwatch.runbook.model import Question
from midwatch.runbook.questions import answer_words, misfit, tidy
from midwatch.runbook.secret_sources import names_secret
from midwatch.system.suggestion import suggest


def check_inputs(fields: Fields, site: Fields | None, problems: Problems) -> None:
    """Say what is wrong with what is asked at the declaration, and with the defaults that the site has for it."""
    items = fields.items("inputs")
    check_questions(items, problems)
    asks = {ask.name: ask for ask in (question_of(item.value) for item in items)}
    for name, found in site.table("inputs").items() if site else ():
        if name not in asks:
            problems.add(f"There is no input {name!r}", found.key, suggest(name, asks, "Inputs"))
        elif found.value is not None:
            _default(asks[name], found, problems)


def check_questions(items: list[Found], problems: Problems) -> None:
    """Say what is wrong with questions that are asked together."""
    counted = Counter(item.value.get("name") for item in items)
    for item in items:
        question: Fields = item.value
        name = question.get("name")
        if name and counted[name] > 1:
            problems.add(f"The question {name!r} is asked twice", question.where("name"), "Give each its own name")
            counted[name] = 0
        if name and names_secret(name):
            sentence = f"The answer to {name!r} goes into the journal, where no secret may stand"
            hint = "Keep it out: ~/.pgpass, a target's password_file or a variable of the environment can hold it"
            problems.add(sentence, question.where("name"), hint)
        _options(question, problems)
        if "default" in question.found:
            _default(question_of(question), question.found["default"], problems)


def _options(question: Fields, problems: Problems) -> None:
    choice = question.get("kind") == "choice"
    if choice and "options" not in question:
        problems.add("A choice needs the key 'options'", question.place, "List the answers that can be given")
    elif "options" in question and not choice and ("kind" in question.found or "kind" not in question):
        problems.add("'options' belongs to a question of kind 'choice'", question.key("options"), "Add kind: choice")
    seen: set[str] = set()
    for option in question.items("options"):
        if option.value in seen:
            problems.add(f"The option {option.value!r} stands here twice", option.place, "Take one out")
        seen.add(option.value)


def _default(ask: Question, found: Found, problems: Problems) -> None:
    default, words = tidy(found.value), answer_words(ask)
    if ask.kind == "choice" and not words:
        return  # its options are missing or wrong, which was said
    if why := misfit(ask, default):
        problems.add(
            f"The default of {ask.name!r} {why}",
            found.place,
            suggest(default, words, "One of") if words else "",
        )
