#!/bin/sh
# The first line of a CI job or a migration: stops it while deployments are frozen.
#
#   freeze-guard.sh [FILE]        exit 0: go on.  1: frozen.  3: cannot tell, so do not go on.
#
# FILE is the freeze file that `midwatch action freeze` writes; $MIDWATCH_FREEZE, or else security/freeze.json.
# Needs no Midwatch and no Python, because a CI runner has neither.
# In a container, mount the folder of the file, never the file alone: a freeze replaces the file, and a mounted file stays the old one.
set -eu

file=${1:-${MIDWATCH_FREEZE:-security/freeze.json}}
folder=$(dirname -- "$file")

if [ ! -d "$folder" ]; then
    echo "freeze-guard: $folder is not there, so nobody can tell whether deployments are frozen" >&2
    exit 3
fi
if [ ! -x "$folder" ]; then
    echo "freeze-guard: $folder cannot be looked into, so nobody can tell whether deployments are frozen" >&2
    exit 3
fi
if [ ! -e "$file" ] && [ ! -L "$file" ]; then
    exit 0
fi
if [ ! -f "$file" ]; then
    echo "freeze-guard: $file is not a regular file; taken as frozen" >&2
    exit 1
fi
if [ -r /proc/self/mountinfo ]; then
    real=$(readlink -f -- "$file")
    wanted=$(printf '%s' "$real" | sed 's/\\/\\134/g; s/ /\\040/g; s/	/\\011/g')
    while read -r _ _ _ _ point _; do
        if [ "$point" = "$wanted" ]; then
            echo "freeze-guard: $file is itself a mount and may be out of date: mount its folder; taken as frozen" >&2
            exit 1
        fi
    done </proc/self/mountinfo
elif [ "$(uname -s)" = Linux ]; then
    echo "freeze-guard: /proc is not mounted, so nobody can tell whether $file is out of date" >&2
    exit 3
fi
if [ ! -r "$file" ]; then
    echo "freeze-guard: $file is there and cannot be read; taken as frozen" >&2
    exit 1
fi
until=$(sed -n 's/^ *"until_epoch": *\([0-9][0-9]*\),\{0,1\}$/\1/p' "$file" 2>/dev/null | head -n 1)
if [ -z "$until" ]; then
    echo "freeze-guard: $file cannot be understood; taken as frozen" >&2
    exit 1
fi
if [ "$(date +%s)" -ge "$until" ]; then
    echo "freeze-guard: the freeze is past its end; going on" >&2
    exit 0
fi
echo "freeze-guard: deployments are frozen" >&2
sed -n 's/^ *"\(who\|why\|since\|until\)": *"\(.*\)",\{0,1\}$/  \1: \2/p' "$file" | tr -cd '\012\040-\176' >&2
exit 1
