"""The keys of the screens beside the incident screen, each once; those of dialogs are in `widgets/key_bindings.py`."""

from __future__ import annotations

from collections.abc import Sequence

from screens.keys.incident_keys import KEYS
from screens.widgets.key import Key
from screens.widgets.key_bindings import DIALOG

OUTPUT = (
    Key("output.find", "slash", "find", "Find words; without capitals they find capitals too", action="find"),
    Key("output.next", "n", "next", "The next match", action="again(1)"),
    Key("output.before", "N", "before", "The match before", action="again(-1)"),
    Key(
        "output.first_error", "e", "first error", "Go to the first line that looks like an error", action="first_error"
    ),
    Key("output.pause", "space", "pause", "Stop following, or take it up again", action="pause"),
    Key("output.other_run", "right_square_bracket", "what runs", "The next of the steps that run", action="other_run"),
    Key("output.times", "t", "times", "When each line came, by the clock (UTC)", action="times"),
    Key("output.wrap", "b", "break lines", "Break lines that are too long, or cut them off", action="wrap"),
    Key(
        "output.copy",
        "y",
        "copy",
        "Copy the end to the clipboard, and all of it to a file beside the journal",
        action="copy",
    ),
    Key("output.pager", "v", "pager", "Read it in your own pager ($PAGER); steps go on meanwhile", action="pager"),
    Key("output.begin", "g", "begin", "Go to the begin", action="ends(0)"),
    Key("output.end", "G", "end", "Go to the end, and follow", action="ends(1)"),
    Key("output.down", "j", "", "A line down", action="scroll(1)"),
    Key("output.up", "k", "", "A line up", action="scroll(-1)"),
    Key("output.palette", "colon", "commands", "Everything that can be done now, found by its name", action="palette"),
    Key("output.help", "question_mark", "", "These keys; F1 does the same", action="help"),
)
TIMELINE = (
    Key("timeline.find", "slash", "find", "Only the events that hold these words", action="find"),
    Key("timeline.open", "enter", "open", "The whole event, with both texts of a correction", action="open"),
    Key("timeline.kind", "f", "kind", "All, words that people wrote, steps, or what is starred", action="kind"),
    Key(
        "timeline.star",
        "asterisk",
        "star",
        "Star what the post-mortem should not miss, or take the star away",
        action="star",
    ),
    Key(
        "timeline.correct", "e", "correct", "Correct somebody's words; the old ones stay beside them", action="correct"
    ),
    Key("timeline.note", "n", "note", "Write a note, back-dated if you want", action="note"),
    Key("timeline.down", "j", "", "An event down; so does the arrow", action="move(1)"),
    Key("timeline.up", "k", "", "An event up; so does the arrow", action="move(-1)"),
    Key("timeline.begin", "g", "", "The first event; so does Home", action="move(-1000000)"),
    Key("timeline.end", "G", "", "The newest, and go on with it; so does End", action="newest"),
    Key(
        "timeline.palette", "colon", "commands", "Everything that can be done now, found by its name", action="palette"
    ),
    Key("timeline.help", "question_mark", "", "These keys; F1 does the same", action="help"),
)
PAGE = (
    Key("page.find", "slash", "find", "Find words; without capitals they find capitals too", action="find"),
    Key("page.next", "n", "next", "The next match", action="again(1)"),
    Key("page.before", "N", "before", "The match before", action="again(-1)"),
    Key("page.palette", "colon", "commands", "Everything that can be done now, found by its name", action="palette"),
    Key("page.down", "j", "", "A line down", action="scroll(1)"),
    Key("page.up", "k", "", "A line up", action="scroll(-1)"),
    Key("page.begin", "g", "", "The begin; so does Home", action="ends(0)"),
    Key("page.end", "G", "", "The end; so does End", action="ends(1)"),
    Key("page.help", "question_mark", "", "These keys; F1 does the same", action="help"),
)
MESSAGES = (
    Key("messages.again", "r", "send again", "Send the message again; it may then arrive twice", action="decide(True)"),
    Key("messages.give_up", "x", "give up", "Do not send the message any more", action="decide(False)"),
)
SCREENS: dict[str, Sequence[Key]] = {
    "the incident": KEYS,
    "the output": OUTPUT,
    "the timeline": TIMELINE,
    "pages": (*PAGE, *MESSAGES),
    "dialogs": DIALOG,
}
"""Keys that one screen has stand together: none of them twice."""
_OUT = {"escape", "tab", "shift+tab", "ctrl+q", "ctrl+c", "ctrl+l", "ctrl+z", "f1"}
FIXED = frozenset(_OUT | {"up", "down", "left", "right"} | {str(number) for number in range(1, 10)})
"""Keys that are the same everywhere, so that one can always move, leave and get help: nothing else is put on them."""
