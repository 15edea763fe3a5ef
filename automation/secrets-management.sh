#!/bin/sh
# The plan's password recovery: ./automation/secrets-management.sh recover-arp [OPTION…]
# Any target works: `recover-gps`, or `recover arp-db-prod`. Options go to `midwatch action reset-password`.
# Taken back with `restore arp-db-prod FILE`, where FILE is what the recovery reported as `credential_backup`.
set -eu

usage() {
    echo "usage: $0 recover-arp [OPTION...]    or: $0 recover TARGET [OPTION...]    or: $0 restore TARGET FILE [OPTION...]" >&2
    exit 2
}

absolute() {
    case $1 in
    /*) printf '%s\n' "$1" ;;
    *) printf '%s\n' "$PWD/$1" ;;
    esac
}

[ "$#" -ge 1 ] || usage
action=reset-password
case $1 in
restore)
    [ "$#" -ge 3 ] || usage
    action=undo-password-reset
    target=$2
    sealed=$(absolute "$3")
    shift 3
    set -- --credential-backup "$sealed" "$@"
    ;;
recover)
    [ "$#" -ge 2 ] || usage
    target=$2
    shift 2
    ;;
recover-?*)
    target=${1#recover-}-db-prod
    shift
    ;;
*)
    usage
    ;;
esac
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
PATH=$PATH:$root/.venv/bin
[ -n "${MIDWATCH_RUNBOOK:-}" ] || [ -e runbook.yaml ] || cd -- "$root" # any folder will do to start it from
exec midwatch action "$action" --target "$target" "$@"
