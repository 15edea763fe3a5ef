"""Others at the same incident: who watches, who requests control, to whom it is offered and given."""

from __future__ import annotations

import contextlib
import pwd
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from midwatch.control.control_client import SAME_VERSION, ObserverConnection, send_request
from midwatch.control.control_socket import ControlServer
from midwatch.control.lease import DriverState
from midwatch.engine import policy
from midwatch.engine.control import LEAVING_S, Control
from midwatch.engine.journal_session import JournalSession
from midwatch.incident.events import EventKind
from midwatch.incident.state import Offer
from midwatch.reports.handoff_summary import as_lines, handoff_summary
from midwatch.system.actor import login
from midwatch.system.clock import to_rfc3339
from midwatch.system.errors import BadInput, Failed, Refused
from midwatch.system.identity import Identity
from midwatch.system.strict_json import number_of, text_of
from midwatch.system.subordinate_users import owner_of
from midwatch.system.suggestion import did_you_mean

Handler = Callable[[Identity, Mapping[str, Any]], Mapping[str, Any] | None]
"""Answers one operation that a person asks for at the control socket. Raises `MidwatchError` with what they are
told."""

OFFER_S = 10 * 60.0
"""Seconds for which an offer of control stands."""
OFFER_AT_MOST_S = 24 * 3600.0
_NAME_LIMIT = 256
"""Characters of a login, with a machine behind it."""
REOPEN_S = 10.0
"""Seconds between two attempts to open the control socket anew after it failed."""
TAKE_BACK_S = 20.0
"""Seconds after which control that was given and not taken up goes back to the giver."""
_CONNECT_INTERVAL_S = 3.0


class Collaboration:
    """The people at one incident, and how control goes from one to another."""

    def __init__(self, session: JournalSession, control: Control, handlers: Mapping[str, Handler]) -> None:
        """`handlers` answer what else is asked at the control socket, by operation."""
        self._session = session
        self._control = control
        self._handlers = {
            "offer": self._answer_offer,
            "withdraw": self._answer_withdraw,
            "take": self._give,
            "ask": self._note_request,
            **handlers,
        }
        self._opened = 0.0
        """Monotonic time at which the control socket was opened."""
        self._open_requests: frozenset[tuple[int, int | None]] = frozenset()
        """Who has requested control and was not answered yet: users, and for root the login as well."""
        self._observes = False
        self._observer_connection: ObserverConnection | None = None
        self._tried = 0.0
        self._gave: tuple[str, float] | None = None
        """To whom control was given a moment ago, and when it goes back."""

    @property
    def observers(self) -> tuple[str, ...]:
        """Who follows along on this machine, one name for each screen."""
        if (handle := self._session.handle) is not None:
            return handle.control_socket.observers if handle.control_socket else ()
        return self._observer_connection.watchers if self._observer_connection else ()

    @property
    def unreachable(self) -> str:
        """Why nobody can ask this driver for anything; empty when they can, or when this is no driver."""
        return self._session.handle.unreachable if self._session.handle is not None else ""

    @property
    def offer(self) -> Offer | None:
        """The offer of control that stands now."""
        incident = self._session.incident
        stands = incident.offer is not None and incident.open and incident.offer.expires > self._session.clock.now()
        return incident.offer if stands else None

    @property
    def offered_to_me(self) -> bool:
        """Whether control is mine to take."""
        return self.offer is not None and not self._session.driving and _means(self.offer.to, self._session.actor)

    def register_observer(self) -> None:
        """Be counted among those who watch, from the next `poll` on."""
        self._observes = True

    # Giving control

    def offer_control(self, to: str, *, within: float = OFFER_S) -> None:
        """Offer control to a login; it stays where it is until they take it, and the offer lapses after `within`
        seconds.

        From another terminal the driver's screen is asked to, which it does for the same person only. Raises `BadInput`
        for a login that there is not.
        """
        session = self._session
        to = policy.require_text(to, "To whom")
        if not 0 < within <= OFFER_AT_MOST_S:  # which is not so for NaN, either
            raise BadInput("An offer stands for more than 0 seconds and 24 hours at most", hint="Such as 10 min")
        if len(to) > _NAME_LIMIT:
            raise BadInput(f"A login has {_NAME_LIMIT} characters at most")
        _require_login(to)
        if _means(to, session.actor):
            raise Refused("You have control already", hint="Name who is to take it")
        if not session.driving and self._control.lease.state is not DriverState.NOBODY:
            send_request(session.folder, {"op": "offer", "to": to, "within": within})
            return
        with session.mutex:
            now = session.clock.now()
            policy.require_open(session.incident)
            summary = as_lines(
                handoff_summary(session.runbook, session.incident, session.clock, session.next_update_due)
            )
            expires = to_rfc3339(now + timedelta(seconds=within))
            session.append(EventKind.HANDOFF_OFFERED, {"to": to, "expires": expires, "summary": summary})

    def withdraw_offer(self, reason: str = "withdrawn") -> None:
        """Offer it no longer."""
        session = self._session
        if not session.driving and self._control.lease.state is not DriverState.NOBODY:
            send_request(session.folder, {"op": "withdraw"})
            return
        with session.mutex:
            if session.incident.offer is None:
                raise Refused("Control is not offered to anybody")
            session.append(EventKind.HANDOFF_WITHDRAWN, {"to": session.incident.offer.to, "reason": reason})

    def request_control(self) -> None:
        """Let the driver know that control is requested."""
        send_request(self._session.folder, {"op": "ask"})

    def ask_to_take(self) -> None:
        """Have a driver that lives give control up: one who has offered it, or this same person at another terminal.

        Raises `Refused` when neither is so.
        """
        if self._control.lease.state is DriverState.ALIVE:
            send_request(self._session.folder, {"op": "take"})

    def open_control_socket(self) -> None:
        """Let others ask this driver, from now on."""
        handle = self._session.handle
        if handle is None:
            return
        if self._session.incident.open and (handle.control_socket is None or handle.control_socket.problem):
            if handle.control_socket is not None:
                handle.control_socket.close()
            handle.control_socket = ControlServer(self._session.folder, self._answer)
            self._opened = time.monotonic()
        self._hang_up()

    # What is asked at the control socket, in its thread

    def _answer(self, person: Identity, message: Mapping[str, Any]) -> Mapping[str, Any]:
        handler = self._handlers.get(str(message.get("op")))
        if handler is None:
            raise Refused("The driver's Midwatch does not know this request", hint=SAME_VERSION)
        return handler(person, message) or {}

    def _answer_offer(self, person: Identity, message: Mapping[str, Any]) -> None:
        self._require_same_person(person)
        self.offer_control(text_of(message, "to"), within=number_of(message, "within"))

    def _answer_withdraw(self, person: Identity, message: Mapping[str, Any]) -> None:
        self._require_same_person(person)
        self.withdraw_offer()

    def _require_same_person(self, person: Identity) -> None:
        if not person.is_surely(Identity.current()):
            hint = "Ask them: they press h"
            raise Refused(f"{self._session.actor} drives, and only they can give control", hint=hint)

    def _note_request(self, person: Identity, message: Mapping[str, Any]) -> None:
        """Journal that somebody requests control: once, however often they ask before they are answered."""
        asker = (owner_of(person.uid), person.login if person.uid == 0 else None)
        with self._session.mutex:
            if not self._session.incident.asked_by:  # offered, given or taken since: every earlier request was answered
                self._open_requests = frozenset()
            if asker not in self._open_requests:
                self._session.append(EventKind.CONTROL_REQUESTED, {"by": person.full_name})
                self._open_requests |= {asker}

    def _give(self, person: Identity, message: Mapping[str, Any]) -> None:
        session, offer, same = self._session, self.offer, person.is_surely(Identity.current())
        if not same and (offer is None or login(offer.to) != person.name or not person.has_own_name):
            hint = "Request it; they give it with h"
            raise Refused(f"{session.actor} drives and has not offered you control", hint=hint)
        handle = session.require_driver()
        handle.await_readers(LEAVING_S)
        handle.await_starts(LEAVING_S)
        with session.mutex:
            if handle.starting or any(thread.is_alive() for thread in handle.readers):
                raise Refused("A step is being started or read this moment", hint="Try again")
            words = "taken up at another terminal" if same else f"handed over to {person.name}"
            session.append(EventKind.DRIVER_LEFT, {"reason": words})
            session.release(handle, trim=False)
            session.follow()
            self._gave = (person.name, time.monotonic() + TAKE_BACK_S)

    # What happens by itself

    def keep_up(self) -> None:
        """Let offers lapse, open the control socket again where it failed, and stay known as one who watches."""
        session, now = self._session, time.monotonic()
        if session.driving:
            if self.unreachable and now - self._opened > REOPEN_S:
                self.open_control_socket()
            offer = session.incident.offer
            if offer is not None and offer.expires <= session.clock.now():
                self.withdraw_offer(f"{offer.to} did not take it in time")
            return
        if self._observer_connection is not None and not self._observer_connection.poll():
            self._hang_up()
        is_due = self._observes and self._observer_connection is None and now - self._tried > _CONNECT_INTERVAL_S
        if is_due and session.incident.driver:
            self._tried = now
            with contextlib.suppress(Failed):  # on another machine, or just gone: one watches without being seen
                self._observer_connection = ObserverConnection(session.folder)

    def not_taken_up_by(self) -> str:
        """To whom control was given that nobody took up in time; empty when there is none to take back. Says it
        once."""
        if self._gave is None or self._session.driving:
            return ""
        to, deadline = self._gave
        is_taken = self._session.incident.driver or not self._session.incident.open
        if not is_taken and time.monotonic() < deadline:
            return ""
        self._gave = None
        return "" if is_taken else to

    def _hang_up(self) -> None:
        if self._observer_connection is not None:
            self._observer_connection.leave()
            self._observer_connection = None


def _means(name: str, actor: str) -> bool:
    """Whether an offer's `ada` or `ada@bastion` is this actor."""
    return name == (actor if "@" in name else login(actor))


def _require_login(name: str) -> None:
    if "@" in name:  # of another machine, whose logins cannot be looked up here
        return
    try:
        pwd.getpwnam(name)
    except KeyError:
        people = [entry.pw_name for entry in pwd.getpwall() if entry.pw_uid == 0 or 1000 <= entry.pw_uid < 60000]
        hint = did_you_mean(name, people, "Name a login, or NAME@HOST for one of another machine")
        raise BadInput(f"There is no login {name} on this machine", hint=hint) from None
