"""Checks the questions of a runbook: duplicates, choices without options, invalid defaults, secrets."""

from __future__ import annotations

from collections import Counter

from midwatch.runbook.fields import Fields, Found, Problems
from midwatch.runbook.loop_checks import references_in
from midwatch.runbook.processes import is_reserved
from midwatch.runbook.questions import READERS, answer_words, misfit, tidy
from midwatch.runbook.secret_sources import names_secret
from midwatch.runbook.shapes import listed
from midwatch.runbook.step_builder import question_of
from midwatch.runbook.value_sources import Question
from midwatch.system.shortened import shortened
from midwatch.system.suggestion import suggest


def check_inputs(fields: Fields, site: Fields | None, problems: Problems) -> None:
    """Say what is wrong with what is asked at the declaration, and with the defaults that the site has for it."""
    items = fields.items("inputs")
    check_questions(items, problems)
    for found in (found for item in items for found in references_in(item.value)):
        problems.add("No value is known when the incident is declared", found.place, "Write the value")
    asks = {ask.name: ask for ask in (question_of(item.value) for item in items)}
    for name, found in site.table("inputs").items() if site else ():
        if name not in asks:
            problems.add(f"There is no input {name!r}", found.key, suggest(name, asks, "Inputs"))
        elif found.value is not None:
            _answer(asks[name], "default", found, problems)


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
        if _bounds(question, problems) and _pattern(question, problems):
            for key in ("default", "example"):
                if key in question.found:
                    _answer(question_of(question), key, question.found[key], problems)


def _options(question: Fields, problems: Problems) -> None:
    choice = question.get("kind") == "choice"
    if choice and "options" not in question:
        problems.add("A choice needs the key 'options'", question.place, "List the answers that can be given")
    elif "options" in question and not choice and ("kind" in question.found or "kind" not in question):
        problems.add("'options' belongs to a question of kind 'choice'", question.key("options"), "Add kind: choice")
    by_command = question.get("options")
    for name, found in by_command.table("env").items() if isinstance(by_command, Fields) else ():
        if is_reserved(name):
            problems.add(f"{name} is not for a runbook to set", found.key, "Choose another name")
    seen: set[str] = set()
    for option in question.items("options"):
        if option.value in seen:
            problems.add(f"The option {option.value!r} stands here twice", option.place, "Take one out")
        seen.add(option.value)


def _bounds(question: Fields, problems: Problems) -> bool:
    """Whether the limits belong to the kind, are answers of that kind, and leave an answer between them."""
    bounds = [key for key in ("min", "max") if key in question.found]
    if not bounds:
        return True
    kind = question.get("kind", "line")
    if kind not in READERS:
        sentence = f"{bounds[0]!r} belongs to a question of kind {listed(tuple(READERS))}"
        problems.add(sentence, question.key(bounds[0]), f"Add kind: number, or take {bounds[0]!r} out")
        return False
    read, what = READERS[kind]
    values = []
    for key in bounds:
        try:
            values.append(read(question.get(key)))
        except ValueError:
            problems.add(f"{shortened(question.get(key))!r} is not {what.strip(',')}", question.where(key))
            return False
    if len(values) == 2 and values[0] > values[1]:
        problems.add("'min' is more than 'max', so no answer fits", question.where("min"), "Exchange the two")
        return False
    return True


def _pattern(question: Fields, problems: Problems) -> bool:
    """Whether a pattern belongs to a line and has an example."""
    if "pattern" not in question:
        return True
    if question.get("kind", "line") != "line":
        problems.add("'pattern' belongs to a question of kind 'line'", question.key("pattern"), "Take it out")
        return False
    if "example" not in question:
        hint = "Give an answer that fits, because nobody reads a regular expression at night"
        problems.add("'pattern' needs the key 'example'", question.key("pattern"), hint)
        return False
    return "pattern" in question.found


def _answer(ask: Question, key: str, found: Found, problems: Problems) -> None:
    default, words = tidy(found.value), answer_words(ask)
    if ask.kind == "choice" and not words:
        return  # its options are missing or wrong, which was said
    if why := misfit(ask, default):
        if default == ask.example and why.startswith("takes a text"):
            why = "does not match the pattern"
        problems.add(
            f"The {key} of {ask.name!r} {why}",
            found.place,
            suggest(default, words, "One of") if words else "",
        )
