"""The format of runbooks and site files: the type and meaning of every key, for the loader and the JSON Schema."""

from __future__ import annotations

from midwatch.runbook.alert_keys import ALERTS
from midwatch.runbook.argument_types import Argument, StepValue
from midwatch.runbook.channel_keys import CHANNELS
from midwatch.runbook.channels import MOMENTS_TO_NOTIFY
from midwatch.runbook.field_types import (
    ANSWER,
    ID,
    OUTPUT,
    TARGET,
    VARIABLE,
    Expression,
    Flag,
    Length,
    Limit,
    Text,
    Whole,
    Word,
)
from midwatch.runbook.locations import LOCATIONS
from midwatch.runbook.loop_keys import LOOP_KEYS
from midwatch.runbook.message_templates import Template
from midwatch.runbook.model import MOMENTS, Environment, Risk
from midwatch.runbook.process_keys import PROCESS_KEYS
from midwatch.runbook.secret_keys import SECRETS
from midwatch.runbook.severity import Severity
from midwatch.runbook.shapes import Inside, Key, ListOf, ListOrTable, Shape, TableOf
from midwatch.runbook.target_keys import TARGET_KEYS
from midwatch.runbook.watch_keys import WATCH, trigger_shape

VERSION = 1

LINE, TEXT = Text(single=True), Text()
SEVERITY = Word(tuple(word.value for word in Severity))
IDS = ListOf(ID, single=True)
EARLIER = ListOf(ID, single=True, filled=True)
ARGUMENTS = TableOf(VARIABLE, Argument(), "parameters")

ROLE = Shape(
    "role",
    "Somebody who has to be notified.",
    (
        Key("name", LINE, "Who it is, as people say it", required=True),
        Key("notify_when", LINE, "When they are notified, in words"),
        Key("contact", LINE, "How they are reached"),
        Key(
            "channel", ID, "The channel that reaches them; default: the channel with the role's id, where there is one"
        ),
        Key(
            "notify_on",
            ListOf(Word(MOMENTS_TO_NOTIFY), single=True, filled=True),
            "When the channel tells them by itself: 'declaration', 'severity' (a change), 'approval' (a plan "
            "waits for a "
            "second person), 'closure'",
        ),
    ),
)
COMMS = Shape(
    "comms",
    "How others are kept informed.",
    (
        Key("channel", LINE, "The incident channel"),
        Key("update_every", Length(), "Time between two status updates"),
        Key("automatic_updates", Flag(), "Whether an overdue status update is sent from its draft; default: false"),
        Key(
            "templates",
            TableOf(ID, Template(), "templates"),
            "Texts of messages, by channel; 'inside' and 'outside' are for every other channel",
        ),
    ),
)
CONDITION: Shape = Shape(
    "condition",
    "When the step is needed. One of the keys below; 'answer' together with 'is' or with limits.",
    (
        Key("failed", EARLIER, "Earlier steps; holds once one of them has failed, even if it succeeded later"),
        Key("done", EARLIER, "Earlier steps; holds when one of them is done"),
        Key("unknown", EARLIER, "Earlier steps; holds when the outcome of one of them is unknown"),
        Key("skipped", EARLIER, "Earlier steps; holds when one of them was skipped"),
        Key(
            "answer",
            ListOf(StepValue(), single=True, filled=True),
            "Values that earlier steps ask for or report, as STEP.KEY, or inputs.NAME; one of them is enough",
        ),
        Key("is", ListOf(LINE, single=True, filled=True), "The values with which it holds; 'present' for any value"),
        Key("below", Limit(), "A value below this limit"),
        Key("at_most", Limit(), "A value of this limit or below"),
        Key("above", Limit(), "A value above this limit"),
        Key("at_least", Limit(), "A value of this limit or above"),
        Key("check", LINE, "A check, evaluated when the step becomes next; holds when the check does"),
        Key("with", ARGUMENTS, "Parameters of the check"),
        Key("all", ListOf(Inside(lambda: CONDITION), filled=True), "Conditions that all have to hold"),
        Key("any", ListOf(Inside(lambda: CONDITION), filled=True), "Conditions of which one has to hold"),
        Key("not", Inside(lambda: CONDITION), "A condition that must not hold"),
    ),
)
OPTIONS = Shape(
    "options by command",
    "A script that prints the choices, a line each.",
    (
        Key("command", TEXT, "The script, run when the question is asked; it observes only", required=True),
        Key("env", TableOf(VARIABLE, Argument(many=False), "variables"), "Environment variables of the script"),
    ),
)
ASK = Shape(
    "question",
    "One thing that a person is asked, by a manual step or at the declaration; the answer is journalled. Never "
    "a secret.",
    (
        Key("name", ANSWER, "What the answer is called in references and exports", required=True),
        Key("prompt", LINE, "The question as the person reads it", required=True),
        Key(
            "kind",
            Word(("line", "text", "yes-no", "choice", "number", "date", "duration")),
            "'line' (default), 'text' (several lines), 'yes-no', 'choice' of the options, 'number', 'date', 'duration'",
        ),
        Key(
            "options",
            ListOrTable(ListOf(LINE, filled=True), OPTIONS),
            "For kind 'choice': the answers that can be given, or {command: …} that prints them, a line each",
        ),
        Key("min", LINE, "For a number, date or duration: the least answer"),
        Key("max", LINE, "For a number, date or duration: the greatest answer"),
        Key("pattern", Expression(), "For kind 'line': a regular expression that the whole answer has to match"),
        Key("example", LINE, "An answer that fits, shown while nothing is typed; required with 'pattern'"),
        Key("default", TEXT, "The answer where nobody gives another"),
        Key("required", Flag(), "Whether it has to be answered before one can go on; default true"),
    ),
)
ON_FAILURE = Shape(
    "failure rule",
    "What follows when the step fails.",
    (
        Key("raise_severity", SEVERITY, "The severity that the incident rises to"),
        Key("notify", IDS, "Roles that have to be notified"),
        Key("advice", TEXT, "What to do next"),
    ),
)
CRITERION = Shape(
    "criterion",
    "One thing that has to hold: before a step runs, before the incident is closed, or always. A check evaluates it.",
    (
        Key("id", ID, "What the journal calls it; default: from the title"),
        Key("title", LINE, "What has to hold", required=True),
        Key("check", LINE, "The check that evaluates it", required=True),
        Key("with", ARGUMENTS, "Parameters of the check"),
    ),
)
STEP = Shape(
    "step",
    "One thing to do: by a person, by a shell ('run') or by an action ('uses').",
    (
        Key("id", ID, "What other steps and the journal call it; default: from the title"),
        Key("title", LINE, "What is done, in a few words", required=True),
        Key("why", TEXT, "What it is good for"),
        Key("instructions", TEXT, "Markdown; for a manual step what to do"),
        Key(
            "run",
            TEXT,
            "A script for bash -euo pipefail, or by its #! line; values reach it through 'env' only",
        ),
        Key("uses", LINE, "The action that does it"),
        Key("with", ARGUMENTS, "Parameters of the action"),
        Key("env", TableOf(VARIABLE, Argument(many=False), "variables"), "Environment variables of the script"),
        SECRETS,
        *PROCESS_KEYS,
        Key(
            "outputs",
            ListOf(OUTPUT, single=True, filled=True),
            "Keys that the script reports in $STEP_OUTPUT; the step fails when one is missing at its end",
        ),
        Key(
            "risk",
            Word(tuple(word.value for word in Risk)),
            "'observe' changes nothing, 'change' can be undone, 'destroy' cannot; default: the action's own",
        ),
        Key("timeout", Length(), "When it is stopped; default 10 min, with 'terminal' 8 h"),
        Key("expect", TEXT, "What is expected"),
        Key("original_command", TEXT, "The plan's own command for this step"),
        Key("deviation", TEXT, "Why the plan's command is not run as written, and what is done under its name"),
        Key("depends_on", IDS, "Earlier steps that have to be done or skipped first"),
        Key(
            "preconditions",
            ListOf(CRITERION),
            "What has to hold when it starts; evaluated live, overridden by a reason only",
        ),
        Key("verify", ListOf(CRITERION), "What has to hold once it has ended well; evaluated live, else it failed"),
        Key("when", CONDITION, "When it is needed; default: always"),
        Key("measure", IDS, "Panels whose readings are taken before and after"),
        Key("questions", ListOf(ASK), "What a manual step asks the person"),
        Key("notify", IDS, "Roles that a manual step notifies"),
        Key(
            "requires_approval",
            Flag(),
            "Whether a second person has to approve its plan from their own login; default false",
        ),
        Key("optional", Flag(), "Whether it may be left out without a word; default false"),
        *LOOP_KEYS,
        Key("marks", Word(MOMENTS), "The moment of the incident that it marks once it is done"),
        Key("on_failure", ON_FAILURE, "What follows when it fails"),
    ),
)
PHASE = Shape(
    "phase",
    "A titled group of steps.",
    (
        Key("id", ID, "What the journal calls it; default: from the title"),
        Key("title", LINE, "Its title", required=True),
        Key("section", LINE, "The section of the written plan; steps are numbered from it; default: its place"),
        Key("intro", TEXT, "What to know before its first step"),
        Key("steps", ListOf(STEP, filled=True), "Its steps, in order", required=True),
    ),
)
TRIGGER = trigger_shape(ARGUMENTS)
_PANEL = (
    Key("probe", ID, "The probe that measures; default: the one that the panel is named after"),
    Key("title", LINE, "What stands above the panel; default: the probe's own title"),
    Key("every", Length(), "Time between two readings; default: the probe's own"),
)
PANEL_KEYS = frozenset(key.name for key in _PANEL)
_LAID_OVER = (
    Key(
        "environment",
        Word(tuple(word.value for word in Environment)),
        "What the targets are used for, shown in every header and consent; default production",
    ),
    Key("targets", TableOf(TARGET, TARGET_KEYS, "targets"), "Databases that steps act on, by name"),
    Key("roles", TableOf(ID, ROLE, "roles"), "People who have to be notified, by id"),
    Key("comms", COMMS, "How others are kept informed"),
    CHANNELS,
    Key("alerts", ALERTS, "What `midwatch declare --from-alert` makes of an alert"),
    Key(
        "locations",
        TableOf(Word(tuple(LOCATIONS)), Text(single=True, empty=True), "locations"),
        "Files and folders that actions use, by name",
    ),
    Key(
        "panels",
        TableOf(ID, TableOf(VARIABLE, Argument(), "parameters", _PANEL), "panels"),
        "Live panels, in the order shown: a probe's name, or any name with 'probe', and the parameters of the probe",
    ),
    WATCH,
    Key("witness", Flag(), "Whether the heads of the journal are sent to the machine's own log; default true"),
)
RUNBOOK = Shape(
    "runbook",
    "A runbook for Midwatch.",
    (
        Key("midwatch", Whole(VERSION, VERSION), "The version of the format", required=True),
        Key("id", ID, "Part of every incident's name; default: from the title"),
        Key("title", LINE, "What the incident is", required=True),
        Key("severity", SEVERITY, "How bad it is when it is declared", required=True),
        Key("summary", TEXT, "What the runbook is for"),
        Key("inputs", ListOf(ASK), "What is asked when an incident is declared; steps refer to it as inputs.NAME"),
        *_LAID_OVER,
        Key("triggers", ListOf(TRIGGER), "What tells that it is happening"),
        Key("phases", ListOf(PHASE, filled=True), "The steps, in groups, in order", required=True),
        Key("closure", ListOf(CRITERION), "What has to hold before the incident is closed"),
        Key("controls", ListOf(CRITERION), "What has to hold from day to day, so that it does not happen again"),
    ),
)
SITE = Shape(
    "site file",
    "What differs in one place; its entries replace the runbook's entries of the same name.",
    (
        Key("midwatch-site", Whole(VERSION, VERSION), "The version of the format", required=True),
        *_LAID_OVER,
        Key("inputs", TableOf(ANSWER, TEXT, "defaults"), "Other defaults of the runbook's inputs, by name"),
    ),
)
