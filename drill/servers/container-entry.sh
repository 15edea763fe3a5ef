#!/bin/sh
# The start of a server's container, with the settings that the official image knows: POSTGRES_USER, POSTGRES_PASSWORD,
# POSTGRES_DB, POSTGRES_INITDB_ARGS, PGDATA, PGPORT. The local socket is trusted; TCP wants a password.
set -eu

if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA" /run/postgresql
    chown postgres: "$PGDATA" /run/postgresql
    chmod 0700 "$PGDATA"
    chmod 0755 /run/postgresql
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
    user=${POSTGRES_USER:-postgres}
    base=${POSTGRES_DB:-$user}
    if [ -n "${POSTGRES_PASSWORD:-}" ]; then
        umask 077
        printf '%s\n' "$POSTGRES_PASSWORD" >/run/postgresql/first
        password=--pwfile=/run/postgresql/first
    else
        password=--encoding=UTF8
    fi
    # shellcheck disable=SC2086  # POSTGRES_INITDB_ARGS is a list of words, as in the official image
    initdb --username="$user" "$password" --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 \
        --no-sync --no-instructions ${POSTGRES_INITDB_ARGS:-} >/dev/null
    rm -f /run/postgresql/first
    if [ "$base" != postgres ]; then
        printf 'CREATE DATABASE "%s"\n' "$base" | postgres --single -D "$PGDATA" postgres >/dev/null
    fi
fi

exec postgres -c listen_addresses=127.0.0.1 -c unix_socket_directories=/run/postgresql "$@"
