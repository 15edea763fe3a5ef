#!/bin/sh
# The plan's emergency backup: ./automation/emergency-backup.sh arp-db-prod [OPTION…]
# Streams a dump of one database to a place with room. Options go to `midwatch action emergency-backup`.
set -eu

case ${1:-} in
'')
    echo "usage: $0 TARGET [OPTION...]    for example: $0 arp-db-prod" >&2
    exit 2
    ;;
-*) ;; # of options alone, such as --help or --targets, Midwatch says itself what is missing
*)
    target=$1
    shift
    set -- --target "$target" "$@"
    ;;
esac
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
PATH=$PATH:$root/.venv/bin
[ -n "${MIDWATCH_RUNBOOK:-}" ] || [ -e runbook.yaml ] || cd -- "$root" # any folder will do to start it from
exec midwatch action emergency-backup "$@"
