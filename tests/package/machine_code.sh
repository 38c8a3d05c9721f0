#!/usr/bin/env bash
# Whether the installed libtendon_cuda.so has machine code for every architecture that the README promises, and PTX for
# newer ones: machine_code.sh BUILD_DIR WORK_DIR TENDON_EMULATE SOURCES
set -euo pipefail
build=$1 work=$2/machine_code emulate=$3 sources=$4 # files that nvcc compiled
rm -rf "$work"
mkdir -p "$work"
cmake --install "$build" --prefix "$work/prefix" >"$work/install.log"
library=$(find "$work/prefix" -name libtendon_cuda.so)
[ -n "$library" ] || { echo "no libtendon_cuda.so is installed"; exit 1; }
images=$("$emulate" --list "$library")
status=0
for image in "ptx compute_80" "elf sm_80" "elf sm_86" "elf sm_89" "elf sm_90" "elf sm_100" "elf sm_120"; do
  count=$(grep -cFx "$image" <<<"$images" || true)
  [ "$count" -eq "$sources" ] || { echo "$library has $image $count times, for $sources sources"; status=1; }
done
[ $status -eq 0 ] || echo "$images"
exit $status
