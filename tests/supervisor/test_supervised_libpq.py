"""A password that nobody quoted in a connection string: libpq says pieces of it, and none of them is stored."""

from __future__ import annotations

import shlex

from probes.postgres.embedded import VERSION, package_folder
from tests.supervisor.supervised import Step

BADLY_QUOTED = {
    "postgresql://u:Quux/Zyzzy@127.0.0.1:1/db": "invalid integer value",
    "postgresql://u:99999/Zyzzy@127.0.0.1:1/db": "invalid port number",
    "postgresql://u:Quux%zzZyzzy@127.0.0.1:1/db": "invalid percent-encoded token",
    "postgresql://u:Quux%00Zyzzy@127.0.0.1:1/db": "forbidden value",
    "postgresql://u:Quux Zyzzy@127.0.0.1:1/db": "unexpected spaces",
    "postgresql://u:Quux@Zyzzy@127.0.0.1:1/db": "translate host name",
    "postgresql://127.0.0.1:1/db?password=Quux&Zyzzy": "missing key/value separator",
    "postgresql://127.0.0.1:1/db?password=Quux%Zyzzy": "invalid percent-encoded token",
    "host=127.0.0.1 port=1 password=Quux Zyzzy": 'missing "=" after',
    "host=127.0.0.1 port=1 password=Quux Zyzzy=5": "invalid connection option",
    "host=127.0.0.1 port=1 password='Quux'Zyzzy'": 'missing "=" after',
}


def test_badly_quoted_password_is_masked_in_every_piece(step: Step) -> None:
    psql = package_folder() / VERSION / "bin" / "psql"
    step.start("".join(f"{psql} -Xwc '' {shlex.quote(given)} || true\n" for given in BADLY_QUOTED), env={"LC_ALL": "C"})
    assert step.result().exit == 0
    said = step.output.decode().splitlines()
    assert len(said) == len(BADLY_QUOTED)
    for line, sentence in zip(said, BADLY_QUOTED.values(), strict=True):
        assert sentence in line
        assert "[secret-shaped]" in line
        assert not [piece for piece in ("Quux", "Zyzzy", "99999") if piece in line], line
