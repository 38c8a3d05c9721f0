#!/bin/sh
# Fails where one of the given object files defines a weak symbol: an inline function, of which the linker keeps one of
# all files. Those of the loops are compiled for different processors.
set -eu
for object in "$@"; do
  shared=$(nm -C --defined-only "$object" | grep -E ' [WVuw] ' || true)
  if [ -n "$shared" ]; then
    printf '%s defines\n%s\n' "$object" "$shared"
    exit 1
  fi
done
