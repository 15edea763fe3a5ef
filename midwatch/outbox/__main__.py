"""The delivery process of one incident: `python -m midwatch.outbox FOLDER`, started by a driver."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from midwatch.outbox.delivery import DeliveryProcess
from midwatch.outbox.store import OutboxStore
from midwatch.system.umask import keep_others_out


def main(arguments: list[str]) -> int:
    """Send what is queued, and end."""
    if len(arguments) != 1:
        print("usage: python -m midwatch.outbox FOLDER (started by Midwatch itself)", file=sys.stderr)  # noqa: T201
        return 2
    keep_others_out()
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
        signal.signal(number, signal.SIG_IGN)
    folder = Path(arguments[0]).absolute()
    os.chdir("/")  # a working directory would keep a file system from being unmounted
    DeliveryProcess(OutboxStore(folder)).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
