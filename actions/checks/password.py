"""The check `password`: the bastion logs in over TCP with a password that the server requires."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from actions.credentials.password_candidates import login_of
from actions.credentials.pgpass import faults
from midwatch.api.action import Check, Context, Outcome
from midwatch.api.parameters import param
from midwatch.runbook.targets import Target
from probes.postgres.connect import AuthenticationFailed, connect
from probes.postgres.routes import login_route, password_file


@dataclass(frozen=True)
class CheckPassword(Check):
    """Holds when a login over TCP as the target's user, with the bastion's `.pgpass`, used its password.

    A server that lets the login in without asking proves nothing: then it does not hold. Unknown when there is no
    answer.
    """

    name: ClassVar[str] = "password"
    summary: ClassVar[str] = "The bastion's password of a target's user works over TCP"
    outputs: ClassVar[tuple[str, ...] | None] = ()

    target: Target = param("the target to log in to")

    def evaluate(self, context: Context) -> Outcome:
        """Log in over TCP and check whether the server asked for the password."""
        route = login_route(self.target)
        try:
            with connect(route, pgpass=password_file(context.runbook)) as connection:
                used = bool(connection.pgconn.used_password)
        except AuthenticationFailed as error:
            wrong = faults(password_file(context.runbook), login_of(route))
            return Outcome(False, "; ".join([error.sentence, *(f".pgpass: {fault}" for fault in wrong)]))
        if not used:
            return Outcome(
                False, f"{self.target.label} let {route.user} in without asking for a password: that proves nothing"
            )
        return Outcome(True, f"{route.user} logs in to {self.target.label} by {route} with its password")
