"""Every key of the incident screen, once: bindings, footer and help are made from this."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from screens.widgets.key import Key

KEYS = (
    Key("go", "enter", "", "Do the next sensible thing; the footer says which"),
    Key("other_pane", "c", "checklist", "In a small terminal: checklist or step"),
    Key(
        "approve", "a", "approve", "As the second person: see the plan that waits, approve or decline it", watches=True
    ),
    Key("control", "W", "take control", "Take control, or ask for it", watches=True),
    Key("cancel_step", "x", "end it", "End the step that runs", writes=True),
    Key("check_outcome", "v", "check the outcome", "Check a step whose end nobody saw, or its need", writes=True),
    Key("plan_again", "p", "plan again", "Look again what the step would do"),
    Key("observe", "O", "run all that observe", "Run every step of the phase that only observes", writes=True),
    Key("skip", "s", "skip", "Go on without this step, with a reason", writes=True),
    Key("fail", "f", "failed", "Say that a manual step did not work", writes=True),
    Key("manually", "m", "done manually", "A failed step was done manually", writes=True),
    Key("again", "r", "do again", "Do a concluded step again, with a reason", writes=True),
    Key("undo", "U", "undo", "Undo what the step did, with a reason", writes=True),
    Key("start_here", "b", "start here", "Skip everything before this step, with a reason", writes=True),
    Key("other_run", "w", "what runs", "Go to the next of the steps that run"),
    Key("note", "n", "note", "Write a note into the timeline", writes=True),
    Key("update", "u", "update", "Record a status update", writes=True),
    Key("notify_people", "t", "notify", "Record that somebody was notified", writes=True),
    Key("severity", "S", "severity", "Make it worse or better", writes=True),
    Key("handoff", "h", "hand over", "Hand control to somebody else, with how it stands", writes=True),
    Key("output", "o", "output", "The output on the whole screen; / searches there"),
    Key("find", "slash", "find", "Filter the checklist; with the focus in the output, search that"),
    Key("pause", "space", "", "Stop following the output, or take it up again"),
    Key("detail", "d", "detail", "Everything about the step: plan, attempts, values"),
    Key("panels", "l", "live", "All readings with their figures"),
    Key("timeline", "j", "timeline", "The journal as a person reads it"),
    Key("closure", "C", "closure", "Evaluate the closure criteria, and close"),
    Key("adopt", "R", "", "See how the edited runbook differs, and go on by it", writes=True),
    Key("abandon", "A", "", "End it as no incident, with a reason", writes=True),
    Key("to_next", "full_stop", "", "Back to the step that is next"),
    Key("incidents", "i", "", "Every incident of this place, open and closed"),
    Key("palette", "colon", "", "Everything that can be done now, found by its name"),
    Key("settings", "comma", "", "Theme, mouse, plain characters, plain lines, keys"),
    Key("help", "question_mark", "help", "All keys"),
    Key("leave", "q", "leave", "Leave the screen; what runs goes on"),
)
MOVES = (
    ("↑ ↓", "Up Down", "Move in the checklist"),
    ("← →", "Left Right", "Fold and unfold a phase or a loop"),
    ("PgUp PgDn", "PgUp PgDn", "Scroll the step"),
    ("1 to 9", "1 to 9", "Open a panel with its history, in the order shown"),
    ("Tab", "Tab", "Checklist, step, output"),
    ("Ctrl+L", "Ctrl+L", "Draw it again, when something else wrote on this terminal"),
    ("Ctrl+Z", "Ctrl+Z", "Suspend the screen; fg brings it back"),
)
BINDINGS: list[BindingType] = [
    *[Binding(key.key, f"press('{key.id}')", key.words or key.help, id=key.id, show=False) for key in KEYS],
    Binding("f1", "press('help')", show=False),
    *[Binding(str(number), f"panel({number})", show=False) for number in range(1, 10)],
]
BY_ID = {key.id: key for key in KEYS}
