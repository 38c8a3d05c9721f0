#!/usr/bin/env bash
# resume.sh PROGRAM: the log of a training that is killed twice is that of one that is not, bit by bit.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

killed() { # FOLDER STEPS KILLED_AFTER
  local status=0
  "$program" "$@" || status=$?
  [ "$status" -eq 137 ] || { echo "it was not killed: exit status $status"; exit 1; }
}

program=$1
"$program" "$folder/straight" 45
killed "$folder/resumed" 45 7 # before the first checkpoint
killed "$folder/resumed" 45 23
killed "$folder/resumed" 45 40
"$program" "$folder/resumed" 45
[ "$(wc -l <"$folder/straight/log")" -eq 45 ]
cmp "$folder/straight/log" "$folder/resumed/log"
[ "$(cut -d' ' -f4 "$folder/straight/log" | sort -u | wc -l)" -gt 30 ] # the losses differ, or nothing was compared
echo "the logs are identical"
