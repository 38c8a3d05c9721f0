#!/bin/sh
# no_shared_functions.sh [--but PATTERN] OBJECT...
# Fails where one of the given object files defines a weak symbol: an inline function, of which the linker keeps one of
# all files. Those of the loops are compiled for different processors. PATTERN: of symbols that are one variant's alone.
set -eu
but='^$'
if [ "$1" = --but ]; then
  but=$2
  shift 2
fi
for object in "$@"; do
  shared=$(nm -C --defined-only "$object" | grep -E ' [WVuw] ' | grep -Ev "$but" || true)
  if [ -n "$shared" ]; then
    printf '%s defines\n%s\n' "$object" "$shared"
    exit 1
  fi
done
