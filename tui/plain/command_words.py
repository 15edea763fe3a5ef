"""The words of the front end of lines: what may be typed at its prompt, with a short form for each. Help is made from
this."""

from __future__ import annotations

from dataclasses import dataclass

from midwatch.system.errors import BadInput
from midwatch.system.suggestion import did_you_mean


@dataclass(frozen=True, slots=True)
class CommandWord:
    """One word."""

    name: str
    short: str
    help: str
    argument: str = ""
    """What may stand behind it, for the help."""
    writes: bool = False
    """Whether it changes the incident: an observer does not have it."""
    asks: bool = False
    """Whether an observer has it all the same, and the driver's screen does it."""
    watches: bool = False
    """Whether it is an observer's only."""

    @property
    def needs_prompt(self) -> bool:
        """Whether the word counts only when it is typed after its prompt: what decides something is no word for
        later."""
        return self.watches or (self.writes and self.name not in ("note", "paste", "manual_command"))

    def there(self, *, driving: bool) -> bool:
        """Whether there is this word now."""
        return not (self.watches if driving else self.writes and not self.asks)


COMMAND_WORDS = (
    CommandWord("go", "g", "Do the next sensible thing; Enter alone does the same", writes=True),
    CommandWord("where", "w", "Where the incident stands and what is next"),
    CommandWord("list", "l", "The checklist; 'list all' with every step", "[all]"),
    CommandWord("view", "v", "The step: why, what to do, what is good, what has happened to it", "[STEP]"),
    CommandWord("at", "a", "Look at another step, by its number or id; 'at' alone goes back to the next one", "[STEP]"),
    CommandWord("plan", "p", "What the step would touch now, and what running it requires; changes nothing", "[STEP]"),
    CommandWord("skip", "s", "Go on without the step", "[REASON]", writes=True),
    CommandWord("fail", "f", "A step that a person does did not work", "[REASON]", writes=True),
    CommandWord("manually", "m", "A failed step was done manually", "[HOW]", writes=True),
    CommandWord("again", "r", "Do a concluded step again", "[REASON]", writes=True),
    CommandWord("undo", "z", "Undo what the step did, where that is possible", "[REASON]", writes=True),
    CommandWord("check", "ck", "Look whether a step whose end nobody saw took effect", writes=True),
    CommandWord(
        "start", "b", "Go on at the step that 'at' has gone to; earlier ones are skipped", "[REASON]", writes=True
    ),
    CommandWord("observe", "ob", "Run all that only observes in the phase of the step", writes=True),
    CommandWord("follow", "o", "What the step writes while it runs; Ctrl+C asks what to do"),
    CommandWord("output", "out", "The last lines that the step wrote", "[LINES]"),
    CommandWord("cancel", "x", "End the step that runs", writes=True),
    CommandWord("note", "n", "A note for the timeline, earlier with @02:10 or @5min before it", "[TEXT]", writes=True),
    CommandWord("paste", "e", "Lines from another terminal, for the timeline", writes=True),
    CommandWord("command", "c", "A command that was run elsewhere", "[COMMAND]", writes=True),
    CommandWord(
        "correct", "k", "Correct the words of an event, by its number in the timeline", "EVENT [TEXT]", writes=True
    ),
    CommandWord("star", "*", "Star an event, or take the star away", "EVENT", writes=True),
    CommandWord(
        "update",
        "u",
        "Write a status update, or another message: u @press",
        "[@AUDIENCE] [TEXT]",
        writes=True,
        asks=True,
    ),
    CommandWord("send", "us", "Send the draft of the status update that is due, as it is", writes=True),
    CommandWord("messages", "me", "The messages by channels and their fates; send one again, or give it up"),
    CommandWord("notify", "t", "Record that somebody was notified", writes=True),
    CommandWord("severity", "sev", "Make it worse or better", writes=True),
    CommandWord(
        "handoff",
        "ho",
        "Offer control to somebody else; again takes the offer back",
        "[LOGIN]",
        writes=True,
    ),
    CommandWord("control", "co", "Take control, or request it from whoever has it", "[REASON]", watches=True),
    CommandWord(
        "approve", "ap", "As the second person: hear the plan that waits, and approve it", "[STEP]", watches=True
    ),
    CommandWord("decline", "de", "As the second person: say no to it", "[REASON]", watches=True),
    CommandWord("timeline", "j", "The last events; with a word, only those that hold it", "[LINES or WORD]"),
    CommandWord("live", "d", "Disks, backups, databases, alerts: read now"),
    CommandWord("closure", "close", "Evaluate the closure criteria, and close if you want to"),
    CommandWord("adopt", "ad", "Show how the edited runbook differs, and go on by it", "[REASON]", writes=True),
    CommandWord("abandon", "ab", "End it as no incident", "[REASON]", writes=True),
    CommandWord("help", "h", "These words"),
    CommandWord("quit", "q", "Leave; what runs goes on, and the incident stays open"),
)


def parse(line: str, *, driving: bool) -> tuple[CommandWord, str]:
    """The word of a line and what stands behind it; an empty line is `go`. Raises `BadInput` for what is no word."""
    name, _, rest = line.strip().partition(" ")
    name = {"": "go", "?": "help", "exit": "quit"}.get(name.lower(), name.lower())
    if name.startswith("@"):  # a time can only begin a note
        name, rest = "note", line.strip()
    word = next((word for word in COMMAND_WORDS if name in (word.name, word.short)), None)
    if word is None:
        near = did_you_mean(name, [word.name for word in COMMAND_WORDS], "")
        raise BadInput(f"{name!r} is no word here", hint=f"{near} h lists them".strip())
    if not word.there(driving=driving) and word.name != "go":
        why = "You drive" if driving else "You only observe"
        raise BadInput(f"{why}, so there is no '{word.name}'", hint="h lists what there is")
    return word, rest.strip()


def help_lines(*, driving: bool) -> list[str]:
    """Every word that there is now, a line each."""
    shown = [word for word in COMMAND_WORDS if word.there(driving=driving)]
    return [f"{word.short}, {word.name}{' ' + word.argument if word.argument else ''}: {word.help}." for word in shown]
