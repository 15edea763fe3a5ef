"""An operator of plain lines in this process: types words at the prompt, answers every question, remembers what was
asked."""

from __future__ import annotations

from tests.support.situations import ANSWERS, APPROVAL, NAME, REASON, SECRETS, WAITS, YES
from tui.plain.line_terminal import Interrupted, LineTerminal

_QUESTIONS = {
    "say why": REASON,
    "Why": REASON,
    "Ask for a second one?": APPROVAL,
    "type ": NAME,
    "Run it?": YES,
    "Undo it?": YES,
    "Is it done?": ANSWERS,
}


class Operator(LineTerminal):
    """Types these words at the prompt, and says yes to every question. `asked` are the requirements since the last
    word."""

    def __init__(self, words: list[str]) -> None:
        super().__init__()
        self._words = iter([*words, "q"])
        self.asked: list[list[str]] = []
        self.said: list[str] = []

    def say(self, text: str = "") -> None:
        self.said.append(text)

    def ask(self, prompt: str) -> str:
        if prompt == "> ":
            self.asked.append([])
            return next(self._words)
        if "back to the prompt" in prompt:
            return "b"
        if "keeps it open" in prompt:
            return ""
        word = next((word for part, word in _QUESTIONS.items() if part in prompt), "")
        if word:
            self.asked[-1].append(word)
        if word == NAME:
            return prompt.partition("type ")[2].partition(" ;")[0]
        return {REASON: "it has to be", YES: "y", ANSWERS: "y", APPROVAL: "y"}.get(word, "")

    def ask_text(self, prompt: str) -> str:
        return self.ask(prompt)

    def ask_unseen(self, prompt: str) -> str:
        self.asked[-1].append(SECRETS)
        return "typed-unseen"

    def pause(self, seconds: float) -> None:
        self.asked[-1].append(WAITS)
        raise Interrupted
