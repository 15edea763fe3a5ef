"""The model of a runbook that was read and checked. All objects are immutable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from midwatch.runbook.alert_rules import AlertRules
from midwatch.runbook.channels import Channel
from midwatch.runbook.contacts import Comms, Role
from midwatch.runbook.loops import Item, Loop, loop_of
from midwatch.runbook.processes import Process
from midwatch.runbook.severity import Severity
from midwatch.runbook.step_secrets import StepSecret
from midwatch.runbook.targets import Target
from midwatch.runbook.triggers import Trigger, Watch
from midwatch.runbook.value_sources import INPUTS, Question, Reference
from midwatch.system.errors import SourceLocation
from midwatch.system.home import expanded

if TYPE_CHECKING:
    from midwatch.runbook.condition_forms import Condition


class Risk(StrEnum):
    """How much a step can hurt. `observe` changes nothing, `change` can be undone or repeated, `destroy` cannot."""

    OBSERVE = "observe"
    CHANGE = "change"
    DESTROY = "destroy"


class StepKind(StrEnum):
    """Who does the step: a person, a shell, or an action."""

    MANUAL = "manual"
    RUN = "run"
    USES = "uses"


class Environment(StrEnum):
    """What the targets are used for. Where nobody says so they count as production, so that nobody is careless
    there."""

    PRODUCTION = "production"
    STAGING = "staging"
    REHEARSAL = "rehearsal"

    @property
    def word(self) -> str:
        """As headers and dialogs show it: `PRODUCTION`."""
        return self.value.upper()


MOMENTS = ("detected", "acknowledged", "mitigated", "resolved")
"""The moments of an incident that the conclusion of a step can mark."""


@dataclass(frozen=True, slots=True)
class OnFailure:
    """What follows when the step fails."""

    raise_severity: Severity | None = None
    notify: tuple[str, ...] = ()
    """Role ids."""
    advice: str = ""
    """What to do next, in words."""


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """Something that has to hold, before a step runs, before the incident is closed, or from day
    to day: a check evaluates it."""

    id: str
    title: str
    check: str
    with_: Mapping[str, Any]
    place: SourceLocation

    @property
    def script(self) -> str:
        """The script that the check runs; empty for a check that runs none."""
        return str(self.with_.get("run", "")).strip() if self.check == "command" else ""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do."""

    id: str
    number: str
    """As shown: `3.2`, from the phase's section and the step's place in it."""
    title: str
    kind: StepKind
    risk: Risk
    place: SourceLocation
    why: str = ""
    instructions: str = ""
    """Markdown; for manual steps what to do."""
    run: str = ""
    """The shell script of a `run` step."""
    uses: str = ""
    """The action of a `uses` step."""
    with_: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of the action: YAML scalars, lists, or `Reference`."""
    env: Mapping[str, str | Reference] = field(default_factory=dict)
    """Environment of a `run` step."""
    process: Process = field(default_factory=Process)
    """How the script of a `run` step runs."""
    secrets: tuple[StepSecret, ...] = ()
    """What the script gets when the step starts, and no plan or record ever has."""
    outputs: tuple[str, ...] = ()
    """Keys that a `run` step reports in `$STEP_OUTPUT`; the step fails when one is missing at its end."""
    timeout: float = 600.0
    """Seconds."""
    expect: str = ""
    """What is expected."""
    original_command: str = ""
    """The plan's own command for this step."""
    deviation: str = ""
    """Where the plan's command is wrong or dangerous: why, and what is done under its name."""
    depends_on: tuple[str, ...] = ()
    """Steps that must be done (or skipped with a reason) before this one may run."""
    preconditions: tuple[CheckSpec, ...] = ()
    """What must hold when it starts, unless a reason is given."""
    verify: tuple[CheckSpec, ...] = ()
    """What must hold once its script has ended."""
    when: Condition | None = None
    measure: tuple[str, ...] = ()
    """Panels whose readings are recorded before and after."""
    questions: tuple[Question, ...] = ()
    notify: tuple[str, ...] = ()
    """Role ids that a manual step tells."""
    requires_approval: bool = False
    """Whether a second person has to approve the plan before it runs."""
    optional: bool = False
    on_failure: OnFailure = OnFailure()
    marks: str = ""
    """The moment of the incident that it marks once it is done; empty for none."""
    text_values: Mapping[str, str] = field(default_factory=dict)
    """The values of the placeholders in `instructions`, by name."""
    loop: Loop | None = None
    """Of a step with `for_each`, which stands for the steps of its items; None for any other step."""
    item: Item | None = None
    """Of the step for one item of a loop; None for any other step."""

    @property
    def awaits_items(self) -> bool:
        """Whether this is a loop whose items are not known yet."""
        return self.loop is not None and self.loop.items is None

    @property
    def awaits_items_of(self) -> str:
        """The step that will report the items of this loop; empty where they are known, or were asked for."""
        source = self.loop.source if self.loop is not None and self.loop.items is None else None
        return loop_of(source.step)[0] if source is not None and source.step != INPUTS else ""


@dataclass(frozen=True, slots=True)
class Phase:
    """A titled group of steps."""

    id: str
    title: str
    section: str
    steps: tuple[Step, ...]
    intro: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One live panel: a probe and its parameters."""

    name: str
    probe: str
    with_: Mapping[str, Any]
    place: SourceLocation
    title: str = ""
    """Empty for the probe's own."""
    every: float = 0.0
    """Seconds between two readings; 0 for the probe's own."""


@dataclass(frozen=True, slots=True)
class Runbook:
    """A whole runbook, with its site's targets and places laid over it."""

    id: str
    title: str
    severity: Severity
    file: Path
    site: Path | None
    base: Path
    """The folder in which relative paths and shell steps start: the site's, or else the runbook's."""
    sha256: str
    """Of the bytes of the runbook file."""
    site_sha256: str = ""
    """Of the bytes of the site file; empty when there is none."""
    environment: Environment = Environment.PRODUCTION
    summary: str = ""
    targets: Mapping[str, Target] = field(default_factory=dict)
    roles: Mapping[str, Role] = field(default_factory=dict)
    comms: Comms = field(default_factory=Comms)
    channels: Mapping[str, Channel] = field(default_factory=dict)
    """Where messages go, by name."""
    alerts: AlertRules = field(default_factory=AlertRules)
    locations: Mapping[str, str] = field(default_factory=dict)
    """Named files and folders that actions use: see `midwatch.runbook.locations`."""
    panels: tuple[Panel, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    watch: Watch = field(default_factory=Watch)
    phases: tuple[Phase, ...] = ()
    closure: tuple[CheckSpec, ...] = ()
    controls: tuple[CheckSpec, ...] = ()
    """Preventive controls: what has to hold from day to day."""
    inputs: tuple[Question, ...] = ()
    """What is asked when an incident is declared."""
    witness: bool = True
    """Whether the heads of the journal go to journald or syslog."""
    authored: tuple[Phase, ...] = ()
    """The phases as they are written, each loop one step; empty without loops (`midwatch.runbook.expansion`)."""
    loops: Mapping[str, Step] = field(default_factory=dict)
    """The steps with `for_each`, by id. In `phases` their items stand, or the loop while its items are not known."""
    steps_by_id: Mapping[str, Step] = field(init=False, repr=False, compare=False)
    """Every step and every loop."""
    _phases: Mapping[str, Phase] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        steps = {step.id: step for step in self.steps()}
        phases = {step.id: phase for phase in self.phases for step in phase.steps}
        phases |= {
            name: phases[loop.loop.steps[0].id] for name, loop in self.loops.items() if loop.loop and loop.loop.steps
        }
        object.__setattr__(self, "steps_by_id", MappingProxyType({**steps, **self.loops}))
        object.__setattr__(self, "_phases", MappingProxyType(phases))

    def steps(self) -> Iterator[Step]:
        """Every step, in order; for a loop whose items are known, the steps of its items."""
        for phase in self.phases:
            yield from phase.steps

    def step(self, step_id: str) -> Step:
        """The step or loop with this id. Raises `KeyError`."""
        return self.steps_by_id[step_id]

    def find(self, step_id: str) -> Step | None:
        """The step or loop with this id; None when there is none."""
        return self.steps_by_id.get(step_id)

    def phase_of(self, step_id: str) -> Phase:
        """The phase that holds this step or loop. Raises `KeyError`."""
        return self._phases[step_id]

    def entries(self, phase: Phase) -> Iterator[Step]:
        """The steps of a phase as it is written: each loop once, in place of its items."""
        last = ""
        for step in phase.steps:
            loop = step.item.loop if step.item else ""
            if not loop:
                yield step
            elif loop != last:
                yield self.loops[loop]
            last = loop

    def channel_of(self, role_id: str) -> Channel | None:
        """The channel that reaches a role; None where a person has to."""
        role = self.roles.get(role_id)
        return self.channels.get((role.channel if role else "") or role_id)

    def input(self, name: str) -> Question | None:
        """The question of the declaration with this name; None when it asks no such thing."""
        return next((ask for ask in self.inputs if ask.name == name), None)

    def resolve(self, path: str | Path) -> Path:
        """A path of the runbook as an absolute one: `~` expanded, relative ones below `base`."""
        return self.base / expanded(path)

    def location_of(self, name: str) -> Path:
        """The absolute path of a named place. Raises `KeyError` for a name that `places` does not define."""
        return self.resolve(self.locations[name])
