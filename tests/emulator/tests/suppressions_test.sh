#!/usr/bin/env bash
# suppressions_test.sh PROGRAM EMULATE: reports are left out as a file of suppressions says. PROGRAM is report_examples;
# EMULATE is tendon-emulate.
set -uo pipefail
program=$1 emulate=$2
export TENDON_EMULATOR_CHECKS=-calls,-leaks
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
failed=0

# STATUS WORDS EXAMPLE SUPPRESSIONS...: of the example under these lines, that exit status, and these words among what is
# said; none where they begin with "!".
expect() {
  local status=$1 words=$2 example=$3
  printf '%s\n' "${@:4}" >"$folder/suppressions"
  "$emulate" --suppressions "$folder/suppressions" --report "$folder/report.json" "$program" "$example" >"$folder/said" 2>&1
  local got=$? is_said=yes
  grep -q -F -e "${words#!}" "$folder/said" || is_said=no
  if [ $got -ne "$status" ] || { [ "$words" = "${words#!}" ] && [ $is_said = no ]; } ||
    { [ "$words" != "${words#!}" ] && [ $is_said = yes ]; }; then
    echo "FAILED: exit status $got, and $status is wanted with \"$words\", of $example under:"
    sed 's/^/  | /' "$folder/suppressions" "$folder/said"
    failed=1
  fi
}
expect_json() { # PATTERN: in the report of the last
  tr -d ' \n' <"$folder/report.json" | grep -q -e "$1" || { echo "FAILED: no $1 in the report"; failed=1; }
}

expect 86 "shared-memory race" shared_race "# nothing is suppressed"
expect_json '"fault":"shared-memoryrace","key":"shared_race",'
expect_json '"other_source":\[{"file":"[^"]*/report_examples.cu","line":55}\],"accesses":32,"threads":32,"blocks":1}\],'
expect_json '"suppressions":\[\]'
expect 0 "!shared-memory race" shared_race 'shared_race kernel:reverse(*) file:*/report_examples.cu # known'
expect 0 "32 findings suppressed" shared_race '  shared_race'
expect_json '"reports":\[\],"suppressions":\[{"line":1,"text":"shared_race","count":32}\]'
expect 0 "!race" shared_race '*'
expect 0 "!never used" shared_race 'shared_race kernel:reverse(int?)'

# Each part is to match: the fault, the kernel, the file.
expect 86 "line 2: never used: unwritten" shared_race '' 'unwritten'
expect 86 "never used" shared_race 'shared_race kernel:reverse'
expect 86 "never used" shared_race 'shared_race kernel:* file:*/other.cu'

# What is found on the host has neither kernel nor file.
expect 0 "1 finding suppressed" host_race 'host_race'
expect 86 "host race" host_race 'host_race kernel:*'
expect 86 "host race" host_race 'host_race file:*'

# A line that cannot be read is named, and nothing runs.
for line in unwriten 'unwritten kernel' 'unwritten kernel:' 'unwritten line:3' 'unwritten kernel:a kernel:b' 'unwritten both'; do
  expect 2 "line 3: " host_race 'host_race' '' "$line"
  grep -q "^0$" "$folder/said" && { echo "FAILED: it ran under '$line'"; failed=1; }
done
TENDON_EMULATOR_SUPPRESSIONS=$folder/none "$emulate" "$program" host_race >"$folder/said" 2>&1
if [ $? -ne 2 ] || ! grep -q "none: cannot read" "$folder/said"; then
  echo "FAILED: a file that is not there is taken"
  failed=1
fi
exit $failed
