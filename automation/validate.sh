#!/bin/sh
# The plan's migration pre-checks: ./automation/validate.sh [OPTION…]
# Says what passes and what does not, and exits 1 if anything does not. Options go to `midwatch action migration-checks`.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
PATH=$PATH:$root/.venv/bin
[ -n "${MIDWATCH_RUNBOOK:-}" ] || [ -e runbook.yaml ] || cd -- "$root" # any folder will do to start it from
exec midwatch action migration-checks "$@"
