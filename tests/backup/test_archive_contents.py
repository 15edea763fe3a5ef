"""What an archive asks of a server, in the script that `pg_restore` makes of it; with any names."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from probes.backup.dump_toc import parse
from probes.postgres.role import identifier

names = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=63)
HEADER = """--
-- Dumped from database version 15.18 (Debian)
-- Dumped by pg_dump version 18.1

SET client_encoding = 'SQL_ASCII';
"""


def entry(kind: str, statements: str, owner: str = "-", space: str = "") -> str:
    tail = f"; Tablespace: {space}" if space else ""
    return f"\n--\n-- Name: thing; Type: {kind}; Schema: s; Owner: {owner}{tail}\n--\n\n{statements}\n"


@given(st.lists(names, min_size=6, max_size=6))
def test_role_of_any_name_in_an_archive_is_found(given_names: list[str]) -> None:
    owner, reader, writer, first, second, table = given_names
    on = f"s.{identifier(table)}"
    script = HEADER + entry("TABLE", f"CREATE TABLE {on} ();", owner)
    script += entry(
        "ACL", f"GRANT SELECT ON TABLE {on} TO {identifier(reader)};\nREVOKE ALL ON TABLE {on} FROM PUBLIC;"
    )
    script += entry(
        "DEFAULT ACL", f"ALTER DEFAULT PRIVILEGES FOR ROLE {identifier(writer)} GRANT ALL ON TABLES  TO PUBLIC;"
    )
    who = f"{identifier(first)}, {identifier(second)}"
    script += entry("POLICY", f"CREATE POLICY {identifier(table)} ON {on} FOR SELECT TO {who} USING (true);")
    wanted = {owner, reader, writer, first, second} - {"-", "PUBLIC", "CURRENT_USER", "SESSION_USER", "CURRENT_ROLE"}
    assert wanted <= parse(script).roles


def test_dump_with_roles_extensions_and_tablespaces_names_them() -> None:
    script = (
        HEADER + entry("TABLE", "CREATE TABLE s.t ();", "own", "fast") + entry("EXTENSION", "CREATE EXTENSION thing;")
    )
    script += entry("FUNCTION", "CREATE FUNCTION f() AS $$\nGRANT x TO nobody_at_all;\n$$;", "own")
    found = parse(script)
    assert (found.server, found.tool, found.encoding) == (15, 18, "SQL_ASCII")
    assert (found.roles, found.extensions, found.tablespaces) == ({"own"}, {"thing"}, {"fast"})
