"""A command that takes the message on its standard input."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from midwatch.channels.message import Answer, AnswerLost, Message, NotSent, Verdict
from midwatch.runbook.channels import ChannelTarget
from midwatch.system.errors import Failed
from midwatch.system.external_command import TooLong, run_external

_TRY_AGAIN = 75
"""`EX_TEMPFAIL` of sysexits.h."""


def send(message: Message, target: ChannelTarget, secrets: Mapping[str, str]) -> Answer:
    """Exit 0 means accepted, 75 not now, every other status refused."""
    environment = {
        "MIDWATCH_MESSAGE": message.key,
        "MIDWATCH_INCIDENT": message.incident,
        "MIDWATCH_SEVERITY": message.severity,
        "MIDWATCH_SUBJECT": message.subject,
        "MIDWATCH_ACTION": message.action,
    }
    return run_with_text(target.command, message.whole.encode() + b"\n", target.timeout, environment)


def run_with_text(words: Sequence[str], data: bytes, limit_s: float, environment: Mapping[str, str]) -> Answer:
    """Run a program without a shell, this text on its standard input. Raises `NotSent` and `AnswerLost`."""
    try:
        ended = run_external(shlex.join(words), Path("/"), limit=limit_s, data=data, environment=environment)
    except TooLong as error:
        raise AnswerLost(error.sentence) from error
    except Failed as error:
        raise NotSent(error.sentence, for_good=True) from error
    if ended.exit < 0:
        raise AnswerLost(f"{words[0]} was ended by signal {-ended.exit}")
    detail = ended.last_line if ended.output.strip() else ""
    said = f"exit {ended.exit}: {detail}" if detail else f"exit {ended.exit}"
    if ended.exit == 0:
        return Answer(Verdict.ACCEPTED, said)
    return Answer(Verdict.WAIT if ended.exit == _TRY_AGAIN else Verdict.REFUSED, said)
