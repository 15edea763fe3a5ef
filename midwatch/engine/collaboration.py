"""Others at the same incident: who watches, who requests control, to whom it is offered and given."""

from __future__ import annotations

import pwd
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from midwatch.control.control_client import ObserverConnection, send_request
from midwatch.control.control_socket import ControlServer
from midwatch.control.lease import DriverState
from midwatch.engine import policy
from midwatch.engine.control import LEAVING, Control
from midwatch.incident.events import EventKind
from midwatch.incident.state import Offer
from midwatch.reports.handoff_summary import as_lines, handoff_summary
from midwatch.system.actor import login
from midwatch.system.clock import to_rfc3339
from midwatch.system.errors import BadInput, Failed, MidwatchError, Refused
from midwatch.system.identity import Identity
from midwatch.system.strict_json import number_of, text_of
from midwatch.system.suggestion import did_you_mean

OFFER = 10 * 60.0
"""Seconds for which an offer of control stands."""
OFFER_AT_MOST_S = 24 * 3600.0
_NAME_LIMIT = 256
"""Characters of a login, with a machine behind it."""
_REOPEN_S = 10.0
"""Seconds between two attempts to open the control socket anew after it failed."""
BACK = 20.0
"""Seconds after which control that was given and not taken up goes back to the giver."""
_TRIES = 3.0


class Collaboration(Control):
    """A record at which several people stand."""

    _watching = False
    _observer_connection: ObserverConnection | None = None
    _tried = 0.0
    _gave: tuple[str, float] | None = None
    """To whom control was given a moment ago, and when it goes back."""
    _opened = 0.0
    _open_requests: frozenset[tuple[int, int | None]] = frozenset()
    """Who has requested control and was not answered yet: users, and for root the login as well."""

    @property
    def observers(self) -> tuple[str, ...]:
        """Who follows along on this machine, one name for each screen."""
        if self.handle is not None:
            return self.handle.control_socket.observers if self.handle.control_socket else ()
        return self._observer_connection.watchers if self._observer_connection else ()

    @property
    def unreachable(self) -> str:
        """Why nobody can ask this driver for anything; empty when they can, or when this is no driver."""
        return self.handle.unreachable if self.handle is not None else ""

    @property
    def offer(self) -> Offer | None:
        """The offer of control that stands now."""
        offer = self.incident.offer
        return offer if offer is not None and self.incident.open and offer.expires > self.clock.now() else None

    @property
    def offered_to_me(self) -> bool:
        """Whether control is mine to take."""
        return self.offer is not None and not self.driving and _means(self.offer.to, self.actor)

    def register_observer(self) -> None:
        """Be counted among those who watch, from the next `poll` on."""
        self._watching = True

    # Giving control

    def offer_control(self, to: str, *, within: float = OFFER) -> None:
        """Offer control to a login; it stays where it is until they take it, and the offer lapses after `within` seconds.

        From another terminal the driver's screen is asked to, which it does for the same person only. Raises `BadInput` for
        a login that there is not.
        """
        to = policy.require_text(to, "To whom")
        if not 0 < within <= OFFER_AT_MOST_S:  # which is not so for NaN, either
            raise BadInput("An offer stands for more than 0 seconds and 24 hours at most", hint="Such as 10 min")
        if len(to) > _NAME_LIMIT:
            raise BadInput(f"A login has {_NAME_LIMIT} characters at most")
        _require_login(to)
        if _means(to, self.actor):
            raise Refused("You have control already", hint="Name who is to take it")
        if not self.driving and self.lease.state is not DriverState.NOBODY:
            send_request(self.folder, {"op": "offer", "to": to, "within": within})
            return
        with self.mutex:
            now = self.clock.now()
            policy.is_open(self.incident)
            summary = as_lines(handoff_summary(self.runbook, self.incident, self.clock, self.next_update_due))
            expires = to_rfc3339(now + timedelta(seconds=within))
            self.append(EventKind.HANDOFF_OFFERED, {"to": to, "expires": expires, "summary": summary})

    def withdraw_offer(self, reason: str = "withdrawn") -> None:
        """Offer it no longer."""
        if not self.driving and self.lease.state is not DriverState.NOBODY:
            send_request(self.folder, {"op": "withdraw"})
            return
        with self.mutex:
            if self.incident.offer is None:
                raise Refused("Control is not offered to anybody")
            self.append(EventKind.HANDOFF_WITHDRAWN, {"to": self.incident.offer.to, "reason": reason})

    def request_control(self) -> None:
        """Let the driver know that control is requested."""
        send_request(self.folder, {"op": "ask"})

    def accept_control(self) -> None:
        """Take control from a driver that lives: one who has offered it, or this same person at another terminal.

        Raises `Refused` when neither is so.
        """
        if not self.driving:
            if self.lease.state is DriverState.ALIVE:
                send_request(self.folder, {"op": "take"})
            self.take_control()

    def take_control(self, reason: str = "") -> None:
        """Drive it from here, and open the door to others."""
        super().take_control(reason)
        self._open_control_socket()

    def _open_control_socket(self) -> None:
        handle = self.handle
        if (
            handle is not None
            and (handle.control_socket is None or handle.control_socket.problem)
            and self.incident.open
        ):
            if handle.control_socket is not None:
                handle.control_socket.close()
            handle.control_socket, self._opened = ControlServer(self.folder, self._answer), time.monotonic()
        if handle is not None and self._observer_connection is not None:
            self._observer_connection.leave()
            self._observer_connection = None

    def _answer(self, person: Identity, message: Mapping[str, Any]) -> Mapping[str, Any]:
        """What is done for one who asks at the control socket. Runs in the thread of that."""
        op = message.get("op")
        if op in ("offer", "withdraw"):
            if not person.is_surely(Identity.current()):
                raise Refused(f"{self.actor} drives, and only they can give control", hint="Ask them: they press h")
            if op == "offer":
                self.offer_control(text_of(message, "to"), within=number_of(message, "within"))
            else:
                self.withdraw_offer()
        elif op == "take":
            self._give(person)
        elif op == "ask":
            self._note_request(person)
        else:
            raise Refused("This is not known here", hint="Both screens have to be of the same version")
        return {}

    def _note_request(self, person: Identity) -> None:
        """Journal that somebody requests control: once, however often they ask before they are answered."""
        asker = (person.uid, person.login if person.uid == 0 else None)
        with self.mutex:
            if not self.incident.asked_by:  # offered, given or taken since: every earlier request was answered
                self._open_requests = frozenset()
            if asker not in self._open_requests:
                self.append(EventKind.CONTROL_REQUESTED, {"by": person.full_name})
                self._open_requests |= {asker}

    def _give(self, person: Identity) -> None:
        offer, same = self.offer, person.is_surely(Identity.current())
        if not same and (offer is None or login(offer.to) != person.name or not person.has_own_name):
            raise Refused(
                f"{self.actor} drives and has not offered you control", hint="Request it; they give it with h"
            )
        handle = self.require_driver()
        handle.await_readers(LEAVING)
        handle.await_starts(LEAVING)
        with self.mutex:
            if handle.starting or any(thread.is_alive() for thread in handle.readers):
                raise Refused("A step is being started or read this moment", hint="Try again")
            words = "taken up at another terminal" if same else f"handed over to {person.name}"
            self.append(EventKind.DRIVER_LEFT, {"reason": words})
            self.release(handle, trim=False)
            self.follow()
            self._gave = (person.name, time.monotonic() + BACK)

    # What happens by itself

    def _keep_company(self) -> None:
        """Let offers lapse, take control back that nobody took up, and stay known as one who watches."""
        if self.driving:
            if self.unreachable and time.monotonic() - self._opened > _REOPEN_S:
                self._open_control_socket()
            offer = self.incident.offer
            if offer is not None and offer.expires <= self.clock.now():
                self.withdraw_offer(f"{offer.to} did not take it in time")
            return
        if self._gave is not None:
            self._take_control_back(*self._gave)
        if self._observer_connection is not None and not self._observer_connection.poll():
            self._observer_connection.leave()
            self._observer_connection = None
        if (
            self._watching
            and self._observer_connection is None
            and self.incident.driver
            and time.monotonic() - self._tried > _TRIES
        ):
            self._tried = time.monotonic()
            try:
                self._observer_connection = ObserverConnection(self.folder)
            except Failed:  # on another machine, or just gone: one watches without being seen
                self._observer_connection = None

    def _take_control_back(self, to: str, when: float) -> None:
        if self.incident.driver or not self.incident.open:
            self._gave = None
        elif time.monotonic() >= when:
            self._gave = None
            try:
                self.take_control(f"{to} did not take it up")
            except MidwatchError:  # somebody has it, and the journal will say who
                return


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
