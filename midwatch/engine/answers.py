"""The answers file of a run without a screen: what a person would decide, step by step (docs/headless.md)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from midwatch.api.plan import Plan
from midwatch.engine import workflow
from midwatch.engine.policy import require_answers
from midwatch.engine.reasons import is_answer, name_to_confirm, require_reason
from midwatch.incident.state import Incident
from midwatch.incident.step_status import StepStatus, joint_status
from midwatch.runbook.declaration import require_known
from midwatch.runbook.loops import loop_of
from midwatch.runbook.model import Risk, Runbook, Step, StepKind
from midwatch.runbook.questions import misfit
from midwatch.runbook.step_names import named
from midwatch.runbook.value_sources import Reference
from midwatch.runbook.yaml_loader import Entry, Node, Scalar, Table, read_yaml
from midwatch.system.errors import BadInput, Refused, SourceLocation
from midwatch.system.shortened import shortened
from midwatch.system.suggestion import suggest
from midwatch.system.units import Seconds

T = TypeVar("T")
_KEYS = ("actor", "inputs", "default_manual", "manual", "confirm", "override", "skip", "pin_anew", "wait_for_approval")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to one manual step."""

    place: SourceLocation
    note: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answers:
    """A whole answers file, checked against its runbook."""

    file: str
    actor: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    """What is given when the incident is declared, by name."""
    default_manual: Answer | None = None
    manual: Mapping[str, Answer] = field(default_factory=dict)
    confirm: Mapping[str, str] = field(default_factory=dict)
    """Step → what its plan asks to type."""
    override: Mapping[str, str] = field(default_factory=dict)
    """Step → why it runs although what it requires does not hold."""
    skip: Mapping[str, str] = field(default_factory=dict)
    """Step → reason."""
    pin_anew: Mapping[str, str] = field(default_factory=dict)
    """Target → why a server that is not the pinned one is the right one now."""
    wait_for_approval: float = 900.0
    """Seconds for which a step that takes two people waits for the second one."""

    def for_manual(self, step: Step) -> Answer:
        """What is said to this manual step. Raises `BadInput` when nothing is, or when it does not fit the step's
        questions."""
        answer = _of(step, self.manual) or self.default_manual
        if answer is None:
            hint = "Add it under 'manual:', or a 'default_manual:'"
            raise BadInput(
                f"There is no answer to the manual step {step.id}", place=SourceLocation(self.file), hint=hint
            )
        try:
            require_answers(step, answer.values)
        except Refused as error:
            raise BadInput(
                f"The answer to step {step.id} does not fit: {error.sentence}", place=answer.place, hint=error.hint
            ) from error
        return answer

    def skip_reason(self, step: Step) -> str:
        """Why the file skips this step; empty when it does not. What it says to a loop, it says to each item."""
        return _of(step, self.skip) or ""

    def override_reason(self, step: Step) -> str:
        """Why the step runs although something speaks against it; empty when the file does not say."""
        return _of(step, self.override) or ""

    def typed_for(self, step: Step) -> str:
        """What the file types for this step."""
        return self.confirm.get(step.id, "")

    def require_complete(self, runbook: Runbook, incident: Incident) -> None:
        """Whether the file answers everything that is asked in any case from here on. Raises `BadInput` with the place.

        What depends on a condition, on the world or on the result of a step shows only when the run comes to it.
        """
        for step in _as_asked(runbook):
            status = joint_status(
                incident.step(item.id).status for item in (step.loop.steps if step.loop else ()) or (step,)
            )  # of a conditional step as well, whose need is not known yet
            if self.skip_reason(step) or status.concluded or status is StepStatus.RUNNING:
                continue
            if step.when is None:
                self._require_nobody(step)
            if step.kind is StepKind.MANUAL and (step.when is None or _of(step, self.manual) is not None):
                self.for_manual(step)
            elif (
                step.kind is StepKind.RUN
                and step.risk is Risk.DESTROY
                and (step.when is None or step.id in self.confirm)
                and not isinstance(step.process.confirm, Reference)
            ):
                self._require_name(step, name_to_confirm(step.process.confirm or step.id))
            elif is_answer(self.confirm.get(step.id, "")):
                self._require_name(step, "the name that its plan asks for")

    def _require_nobody(self, step: Step) -> None:
        """Raise `BadInput` for a step that needs a person while it runs."""
        asked = [secret.name for secret in step.secrets if secret.is_asked]
        if asked:
            sentence = f"Step {step.id} asks a person for the secret {asked[0]}, and nobody is there"
            hint = "Let it come from a 'file' or a 'command', skip the step, or use the screen or --plain"
            raise BadInput(sentence, place=step.place, hint=hint)
        if step.process.terminal:
            sentence = f"Step {step.id} needs a person at its terminal, and nobody is there"
            raise BadInput(sentence, place=step.place, hint="Skip the step, or use the screen or --plain")

    def _require_name(self, step: Step, name: str) -> None:
        typed = self.confirm.get(step.id, "")
        if typed != name:
            given = f"it says {shortened(typed)!r}" if typed else "it says nothing"
            raise BadInput(
                f"Step {step.id} destroys: the answers file must confirm {name!r}; {given}",
                place=SourceLocation(self.file),
                hint=f"confirm: {{{step.id}: {name}}}",
            )

    def require(self, requirement: workflow.Requirement, step: Step, plan: Plan) -> None:
        """Whether the file meets what this plan requires. The run itself is the yes; no file stands for a second
        person.

        Raises `BadInput` for a name that is missing or another one, and `Refused` for a plan that needs a reason or
        refuses.
        """
        match requirement:
            case workflow.TypedName(name):
                self._require_name(step, name)
            case workflow.Reason(unmet) if not self.override_reason(step):
                hint = f"Mend it, or say why it runs all the same: override: {{{step.id}: REASON}}"
                raise Refused(f"{step.title} requires {'; '.join(unmet)}", hint=hint)
            case workflow.Secrets() | workflow.OwnTerminal():
                self._require_nobody(step)
            case workflow.Refusal() | workflow.PinReason():
                raise Refused(plan.refusal)


def _of(step: Step, said: Mapping[str, T]) -> T | None:
    """What is said to the step, or else to the loop of which it is an item."""
    return said.get(step.id) or (said.get(step.item.loop) if step.item else None)


def _as_asked(runbook: Runbook) -> Iterator[Step]:
    """The steps that a person is asked about: an item where a person does it, else the whole loop, once."""
    for phase in runbook.phases:
        for step in runbook.entries(phase):
            items = step.loop.steps if step.loop and step.kind is StepKind.MANUAL else ()
            yield from items or (step,)


def load_answers(path: Path, runbook: Runbook) -> Answers:
    """Read and check an answers file. Raises `BadInput` with the place of the first thing that is wrong."""
    root = _table(read_yaml(path, begin="default_manual: {note: done}"), "An answers file")
    _only(root, _KEYS)
    default = root.entries.get("default_manual")
    manual = {name: _answer(entry, step) for name, step, entry in _steps(root, "manual", runbook, StepKind.MANUAL)}
    return Answers(
        str(path),
        actor=_text(root.entries["actor"]) if "actor" in root.entries else "",
        inputs=_inputs(root, runbook),
        default_manual=_answer(default, None) if default else None,
        manual=manual,
        confirm={name: _confirmed(step, entry) for name, step, entry in _steps(root, "confirm", runbook, None)},
        override={name: _reason(entry) for name, _, entry in _steps(root, "override", runbook, None)},
        wait_for_approval=_seconds(root.entries["wait_for_approval"]) if "wait_for_approval" in root.entries else 900.0,
        pin_anew=_pin_anew(root, runbook),
        skip={name: _reason(entry) for name, _, entry in _steps(root, "skip", runbook, None)},
    )


def _confirmed(step: Step, entry: Entry) -> str:
    if step.kind is StepKind.MANUAL:
        raise BadInput(f"Step {step.id} is manual: it asks for no name", place=entry.place, hint="See 'manual'")
    return _text(entry)


def _inputs(root: Table, runbook: Runbook) -> dict[str, str]:
    if "inputs" not in root.entries:
        return {}
    given = _table(root.entries["inputs"].node, "'inputs'").entries
    for name, entry in given.items():
        require_known(runbook, [name], place=entry.place)
        ask = runbook.input(name)
        if ask and (why := misfit(ask, _text(entry))):
            raise BadInput(f"The input {name!r} {why}", place=entry.node.place, hint=ask.prompt)
    return {name: _text(entry) for name, entry in given.items()}


def _pin_anew(root: Table, runbook: Runbook) -> dict[str, str]:
    if "pin_anew" not in root.entries:
        return {}
    given = _table(root.entries["pin_anew"].node, "'pin_anew'")
    _only(given, runbook.targets)
    return {name: _reason(entry) for name, entry in given.entries.items()}


def _steps(root: Table, key: str, runbook: Runbook, kind: StepKind | None) -> Iterable[tuple[str, Step, Entry]]:
    if key not in root.entries:
        return
    for name, entry in _table(root.entries[key].node, f"'{key}'").entries.items():
        loop = runbook.loops.get(loop_of(name)[0])
        of_later_item = loop is not None and loop.id != name and loop.awaits_items
        step = loop if loop is not None and of_later_item else named(runbook, name, place=entry.place)
        if kind is not None and step.kind is not kind:
            raise BadInput(
                f"Step {step.id} is not manual: nobody answers it", place=entry.place, hint="See 'confirm' and 'skip'"
            )
        yield name if of_later_item else step.id, step, entry


def _answer(entry: Entry, step: Step | None) -> Answer:
    table = _table(entry.node, "An answer")
    _only(table, ("note", "values"))
    values: dict[str, str] = {}
    if "values" in table.entries:
        given = _table(table.entries["values"].node, "'values'")
        if step is not None:
            _only(given, [ask.name for ask in step.questions])
        values = {name: _text(value) for name, value in given.entries.items()}
    return Answer(entry.place, _text(table.entries["note"]) if "note" in table.entries else "", values)


def _table(node: Node, what: str) -> Table:
    if not isinstance(node, Table):
        raise BadInput(f"{what} takes keys and values", place=node.place)
    return node


def _text(entry: Entry) -> str:
    if not isinstance(entry.node, Scalar) or not entry.node.text.strip():
        raise BadInput("This takes a line of text", place=entry.place)
    return entry.node.text.strip()


def _reason(entry: Entry) -> str:
    return require_reason(_text(entry), place=entry.node.place)


def _seconds(entry: Entry) -> float:
    try:
        return float(Seconds.parse(_text(entry)))
    except ValueError as error:
        raise BadInput(str(error), place=entry.place) from error


def _only(table: Table, known: Iterable[str]) -> None:
    for key, entry in table.entries.items():
        if key not in known:
            hint = suggest(key, known, "Known")
            raise BadInput(f"Unknown key {shortened(key)!r}", place=entry.place, hint=hint)
