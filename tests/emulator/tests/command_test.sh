#!/usr/bin/env bash
# command_test.sh FAULTY SOUND EMULATE: tendon-emulate runs programs, and says what it cannot run. FAULTY is a program
# that writes out of bounds, SOUND one that does not; EMULATE is the command.
set -uo pipefail
faulty=$1 sound=$2 emulate=$3
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
failed=0

expect() { # STATUS WORDS COMMAND...: that exit status, and these words among what is said
  local status=$1 words=$2
  shift 2
  "$@" >"$folder/said" 2>&1
  local got=$?
  if [ $got -ne "$status" ]; then
    echo "FAILED: exit status $got, not $status, of: $*"
    sed 's/^/  | /' "$folder/said"
    failed=1
  elif ! grep -q -e "$words" "$folder/said"; then
    echo "FAILED: \"$words\" is not said by: $*"
    sed 's/^/  | /' "$folder/said"
    failed=1
  fi
}

expect 0 PASSED "$emulate" "$sound" --gtest_filter=Textbook.TiledMatricesMultiply
expect 0 PASSED "$emulate" --seed 7 --blocks random --checks -races,-order "$sound" --gtest_filter=Textbook.Shuff*
expect 0 PASSED "$emulate" --report "$folder/report.json" "$sound" --gtest_filter=Streams.EventsOrderTheWorkOfThree
grep -q '"launches"' "$folder/report.json" || { echo "FAILED: no report was written"; failed=1; }

# A variable that says nothing is named, and the program runs as without it.
for variable in SEED=five STEPS=0 BLOCKS=any DEVICES=17 CHECKS=-speed FAIL=cudaMalloc:0:2 FAIL=cudaMalloc:1:2x; do
  expect 0 "cannot read" env "TENDON_EMULATOR_$variable" "$emulate" "$sound" \
    --gtest_filter=Textbook.TiledMatricesMultiply
  grep -q "TENDON_EMULATOR_${variable%%=*}: cannot read" "$folder/said" ||
    { echo "FAILED: TENDON_EMULATOR_$variable is not named"; failed=1; }
done

expect 86 "out of bounds" "$emulate" "$faulty"
expect 86 "host race" "$emulate" "$faulty" early
expect 0 "it reads" "$emulate" --checks -host,-leaks "$faulty" early

expect 2 "no program" "$emulate" "$folder/nothing"
expect 2 "no option '--frob'" "$emulate" --frob "$sound"
expect 2 "needs a value" "$emulate" --seed
expect 2 "needs a number" "$emulate" --seed five "$sound"
expect 2 "can be random" "$emulate" --blocks any "$sound"
expect 2 "not '-speed'" "$emulate" --checks -speed "$sound"
expect 2 "not linked with libcudart.so.13" "$emulate" /bin/true
expect 2 "PROGRAM" "$emulate"
expect 0 "^tendon-emulate [0-9.]*: CUDA 13.0, compute capability 9.0$" "$emulate" --version
expect 0 "^ptx compute_90$" "$emulate" --list "$sound"
expect 2 "holds no images" "$emulate" --list /bin/true
expect 2 "cannot be read" "$emulate" --list "$folder/nothing"
expect 2 "cannot be read" "$emulate" --list "$folder"
expect 2 "needs a value" "$emulate" --list
expect 0 "PROGRAM" "$emulate" --help
printf '#!/bin/sh\nexec "$@"\n' >"$folder/script" && chmod +x "$folder/script"
expect 0 PASSED "$emulate" "$folder/script" "$sound" --gtest_filter=Textbook.TiledMatricesMultiply
printf '#!/bin/sh\nexit 0\n' >"$folder/idle" && chmod +x "$folder/idle"
expect 86 "has not loaded the emulated runtime" "$emulate" "$folder/idle"
TENDON_EMULATOR_LIBRARIES=$folder expect 2 "no libcudart.so.13 in" "$emulate" "$sound"
exit $failed
