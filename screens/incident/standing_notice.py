"""The line above the keys while nothing else is said: who asks, what happened meanwhile, who is to be notified."""

from __future__ import annotations

from collections.abc import Callable

from midwatch.engine.incident_protocols import IncidentView
from midwatch.engine.pending_requests import pending_request
from midwatch.engine.workflow import open_ends
from midwatch.reports.message_text import overdue_words, unanswered_words
from screens.widgets.styles import CHOSEN, SOON, WRONG

KeyName = Callable[[str], str]


def standing_notice(session: IncidentView, absence: str, key_name: KeyName) -> tuple[str, str]:
    """The words and their style; `absence` is what happened while nobody looked, in one line."""
    incident = session.incident
    if not incident.open:
        return f"{incident.word.upper()}. {'. '.join(open_ends(session)) or 'All is done'}.", SOON
    if request := answerable_request(session, key_name):
        return request, SOON
    away = f"You looked away {absence}; {key_name('since')} shows" if absence else ""
    if session.driving and (owed := incident.to_notify):
        roles = session.runbook.roles
        names = ", ".join(roles[role].name if role in roles else role for role in owed)
        return f"Notify {names}: press {key_name('notify_people')}{'. ' if away else ''}{away}", SOON
    due = session.next_update_due
    if session.driving and due is not None and (overdue := session.updates_overdue):
        keys = f"{key_name('send_update')} sends the draft, {key_name('update')} shows it"
        if not session.composer.can_send_due_draft:
            keys = f"press {key_name('update')}, the draft is there"
        what = f"{overdue_words(overdue, due)}: {keys}"
        return f"{what}{'. ' if away else ''}{away}", WRONG if overdue > 1 else SOON
    if session.driving and (stuck := [item for item in incident.undelivered if item.waits_for_person]):
        more = f" (and {len(stuck) - 1} more)" if len(stuck) > 1 else ""
        what = f"{unanswered_words(stuck[-1])}{more}: {key_name('messages')} sends it again or gives it up"
        return f"{what}{'. ' if away else ''}{away}", WRONG
    if away:
        return away, WRONG if "failed" in absence else CHOSEN
    found = pending_request(session)
    return found.message + found.waits if found else "", CHOSEN


def answerable_request(session: IncidentView, key_name: KeyName) -> str:
    """What somebody wants that a key here answers, with that key; empty when nobody does."""
    found = pending_request(session)
    return f"{found.message}{found.waits}: press {key_name(found.answer)}" if found and found.answer else ""
