"""Everything else, by Apprise (`pip install midwatch[apprise]`), which says accepted or not, and no more."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from typing import Any

from midwatch.channels.message import Answer, Message, NotSent, Verdict
from midwatch.runbook.channels import ChannelTarget

_MENTION = re.compile(r"(@)(?=(?:everyone|here|channel|all|room)\b)|(<)(?=[!@])", re.IGNORECASE)


def send(message: Message, target: ChannelTarget, secrets: Mapping[str, str]) -> Answer:
    """A message that was not accepted may have arrived all the same: Apprise does not say why."""
    try:
        apprise: Any = importlib.import_module("apprise")
    except ImportError as error:
        raise NotSent("Apprise is not installed: pip install 'midwatch[apprise]'", for_good=True) from error
    service = apprise.Apprise()
    if not service.add(secrets["url"]):
        raise NotSent("Apprise does not know this kind of address", for_good=True)
    title, body = (_MENTION.sub("\\g<0>\u200b", text) for text in (message.subject, message.text))  # calls nobody
    if service.notify(title=title, body=body):
        return Answer(Verdict.ACCEPTED, "accepted, by the word of Apprise")
    return Answer(Verdict.UNSURE, "Apprise says that it was not accepted, and not why")
