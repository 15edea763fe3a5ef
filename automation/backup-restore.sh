#!/bin/sh
# The plan's nightly backup and restore:
#
#   ./automation/backup-restore.sh [OPTION…]              back up every target, with checksums
#   ./automation/backup-restore.sh validate [OPTION…]     validate the newest set
#   ./automation/backup-restore.sh retain [OPTION…]       let old sets go, after a good backup alone
#   ./automation/backup-restore.sh restore [OPTION…]      restore into a new database, by plan
#   ./automation/backup-restore.sh swap [OPTION…]         put the restored one in the place of the one in use
#
# Options go to `midwatch action nightly-backup`, `validate-backup`, `clean-backups`, `restore`
# and `swap-database`. Each night, from cron:
#
#   backup-restore.sh --yes && backup-restore.sh retain --older-than '14 d' --confirm prod
set -eu

case ${1:-} in
validate)
    action=validate-backup
    shift
    ;;
retain)
    action=clean-backups
    shift
    ;;
restore)
    action=restore
    shift
    ;;
swap)
    action=swap-database
    shift
    ;;
backup)
    action=nightly-backup
    shift
    ;;
'' | -*)
    action=nightly-backup
    ;;
*)
    echo "usage: $0 [backup | validate | retain | restore | swap] [OPTION...]" >&2
    exit 2
    ;;
esac
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
PATH=$PATH:$root/.venv/bin
[ -n "${MIDWATCH_RUNBOOK:-}" ] || [ -e runbook.yaml ] || cd -- "$root" # any folder will do to start it from
exec midwatch action "$action" "$@"
