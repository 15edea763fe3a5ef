"""Connection strings: the public part of one (its servers, never its password), and one for a database of any name."""

from __future__ import annotations


def conninfo_of(database: str) -> str:
    """How programs are given a database: a bare name with `=` in it, or that begins like a URI, is read as a whole
    connection string."""
    escaped = database.replace("\\", "\\\\").replace("'", "\\'")
    return f"dbname='{escaped}'"


def server_of(conninfo: str) -> str:
    """`HOST:PORT` (several after commas); empty when it names none or cannot be understood."""
    parts = _parts(conninfo)
    hosts = (parts.get("host") or parts.get("hostaddr") or "").split(",")
    ports = (parts.get("port") or "5432").split(",")
    ports += ports[-1:] * (len(hosts) - len(ports))
    return ", ".join(f"{host}:{port or 5432}" for host, port in zip(hosts, ports, strict=False) if host)


def user_of(conninfo: str) -> str:
    """Who logs in by it; empty when it does not say."""
    return _parts(conninfo).get("user", "")


def _parts(conninfo: str) -> dict[str, str]:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        return {name: str(value) for name, value in conninfo_to_dict(conninfo).items() if value is not None}
    except psycopg.Error:
        return {}
