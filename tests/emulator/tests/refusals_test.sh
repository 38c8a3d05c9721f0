#!/usr/bin/env bash
# refusals_test.sh CARELESS UNCHECKED EMULATE: what a program does not look at is looked at. CARELESS makes the mistake
# that its argument names; UNCHECKED is a folder of one program compiled with several flags; EMULATE is tendon-emulate.
set -uo pipefail
careless=$1 unchecked=$2 emulate=$3
said=$(mktemp)
trap 'rm "$said"' EXIT
failed=0

expect() { # STATUS WORDS COMMAND...: that status, and one line of the emulator, with these words; no WORDS, no line
  local status=$1 words=$2
  shift 2
  "$@" >"$said" 2>&1
  local got=$? lines
  lines=$(grep '^emulator: ' "$said")
  if [ $got -ne "$status" ] || { [ -n "$words" ] && ! [[ $lines = *"$words"* && $lines != *$'\n'* ]]; } ||
    { [ -z "$words" ] && [ -n "$lines" ]; }; then
    echo "FAILED: exit status $got where $status and one line with \"$words\" are meant, of: $*"
    sed 's/^/  | /' "$said"
    failed=1
  fi
}

# Programs whose kernels cannot run.
expect 86 "its image is empty; compile it without -rdc=true" "$emulate" "$unchecked/rdc"
expect 86 "compute_100" "$emulate" "$unchecked/newer"
expect 86 "its PTX is compressed; compile it with nvcc -no-compress" "$emulate" "$unchecked/compressed"
"$emulate" "$unchecked/per_thread" >"$said" 2>&1
[ $? -eq 86 ] && grep -q "^emulator: refused: __cudaLaunchKernel_ptsz: not emulated; compile without -default" "$said" ||
  { echo "FAILED: -default-stream per-thread is not refused"; failed=1; }

# A virtual function stops the kernel that calls it, and no other.
expect 0 "" "$emulate" "$unchecked/plain"
grep -q "it reads 10" "$said" || { echo "FAILED: the kernel beside virtual functions did not run"; failed=1; }
"$emulate" "$unchecked/plain" virtual >"$said" 2>&1
[ $? -eq 86 ] && grep -q "a call through a pointer" "$said" ||
  { echo "FAILED: the call of a virtual function is not reported"; failed=1; }

# A load that failed counts unless another one succeeds; a test may take back what it asked for on purpose.
expect 86 "refused: an image that the program loads: it is machine code" "$emulate" "$careless" load-machine-code
expect 0 "" "$emulate" "$careless" fall-back-to-ptx
expect 86 "refused: cudaMallocArray: not emulated" "$emulate" "$careless" array
expect 0 "" "$emulate" --checks -refusals "$careless" array
expect 0 "refused: cudaMallocArray" "$emulate" "$careless" array-on-purpose

# Mistakes of the program's own.
expect 86 "failed call: cudaFree gave cudaErrorInvalidValue" "$emulate" "$careless" free-twice
expect 0 "" "$emulate" "$careless" free-twice-and-ask
expect 0 "" "$emulate" --checks -calls "$careless" free-twice
expect 86 "failed call: cudaMemcpy gave cudaErrorInvalidValue" "$emulate" "$careless" copy-past-the-end
expect 86 "failed call: cudaLaunchKernel" "$emulate" "$careless" launch-too-large
expect 86 "leak: 200 bytes of cudaMalloc, in 2 blocks, were never freed" "$emulate" "$careless" keep
expect 0 "" "$emulate" --checks -leaks "$careless" keep
expect 86 "leak: 200 bytes of cudaMalloc, in 2 blocks, were never freed" "$emulate" "$careless" reset

# However the process ends, and in whichever it was.
for way in leave exec; do
  expect 86 "refused: cudaMallocArray: not emulated" "$emulate" "$careless" "array-and-$way"
done
expect 86 "refused: cudaMallocArray: not emulated" "$emulate" "$careless" array-in-a-child
exit $failed
