"""Every format that an operator meets is masked, also when it is cut anywhere; ordinary lines are left alone."""

from __future__ import annotations

import random

import pytest

from midwatch.redaction import Redactor, mask
from tests.redaction.commands import COMMANDS
from tests.redaction.formats import PLACES, TOKENS, made, passwords
from tests.redaction.ordinary_commands import COMMANDS as ORDINARY_COMMANDS
from tests.redaction.ordinary_lines import LINES, generated

SEEDS = range(3)
AROUND = ("{}", '2026-11-23 02:14:07 say "{}" now', "token was {} here", "X={}")


def in_pieces(text: str, at: int) -> str:
    redactor, stream = Redactor({}), text.encode()
    return (redactor.feed(stream[:at]) + redactor.feed(stream[at:]) + redactor.flush()).decode()


@pytest.mark.parametrize("name", PLACES)
def test_secret_in_its_place_is_masked(name: str) -> None:
    for seed in SEEDS:
        chosen = random.Random(f"{name} {seed}")
        text, secrets = made(chosen, PLACES[name], passwords(chosen))
        masked = mask(text, {})
        assert secrets
        assert "[secret-shaped]" in masked
        assert not [secret for secret in secrets if secret in masked], masked
        assert mask(masked, {}) == masked, "and what was masked stays as it is"


@pytest.mark.slow  # with all the others
@pytest.mark.parametrize("name", PLACES)
def test_secret_in_its_place_is_masked_wherever_it_is_cut(name: str) -> None:
    chosen = random.Random(name)
    text, _ = made(chosen, PLACES[name], passwords(chosen))
    whole = mask(text, {})
    for at in range(1, len(text.encode())):
        assert in_pieces(text, at) == whole, f"cut at {at}"


@pytest.mark.slow  # with all the others
@pytest.mark.parametrize("name", COMMANDS)
def test_secret_of_a_command_is_masked_wherever_it_is_cut(name: str) -> None:
    for seed in SEEDS:
        chosen = random.Random(f"{name}{seed}")
        text, secrets = made(chosen, COMMANDS[name], passwords(chosen))
        whole = mask(text, {})
        assert secrets
        assert not [secret for secret in secrets if secret in whole], whole
        assert mask(whole, {}) == whole, "and what was masked stays as it is"
        for at in range(1 + seed, len(text.encode()), 3):
            assert in_pieces(text, at) == whole, f"cut at {at}"


@pytest.mark.parametrize("name", TOKENS)
def test_token_is_masked_wherever_it_stands_and_is_cut(name: str) -> None:
    chosen = random.Random(name)
    token, _ = made(chosen, TOKENS[name], "")
    parts = [
        part for part in token.replace("/", " ").replace(".", " ").replace("@", " ").split() if len(part) > 24
    ] or [token]
    for around in AROUND:
        text = around.format(token)
        whole = mask(text, {})
        assert not [part for part in parts[-1:] if part in whole], whole
        for at in range(1, len(text.encode()), 3):
            assert in_pieces(text, at) == whole, f"cut at {at}"


@pytest.mark.parametrize("line", [*LINES, *ORDINARY_COMMANDS, *generated(random.Random(7))])
def test_ordinary_line_is_left_alone(line: str) -> None:
    assert mask(line, {}) == line
    assert mask(f"x\n{line}\ny\n", {}) == f"x\n{line}\ny\n"
    for at in range(1, len(line.encode()), 2):
        redactor = Redactor({})
        out = redactor.feed(line.encode()[:at]) + redactor.idle() + redactor.feed(line.encode()[at:]) + redactor.flush()
        assert out.decode() == line or "[secret" not in in_pieces(line, at)


def test_there_are_enough_of_both() -> None:
    assert len(PLACES) + len(TOKENS) + len(COMMANDS) >= 480
    assert len(LINES) + len(ORDINARY_COMMANDS) >= 480
