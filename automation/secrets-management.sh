#!/bin/sh
# The plan's password recovery: ./automation/secrets-management.sh recover-arp [OPTION…]
# Any target works: `recover-gps`, or `recover arp-db-prod`. Options go to `midwatch action recover-password`.
set -eu

usage() {
    echo "usage: $0 recover-arp [OPTION...]    or: $0 recover TARGET [OPTION...]" >&2
    exit 2
}

[ "$#" -ge 1 ] || usage
case $1 in
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
exec midwatch action recover-password --target "$target" "$@"
