#!/usr/bin/env bash
# installed_test.sh BUILD SOURCE FAULTY SOUND: what is installed of the build runs programs. FAULTY is a program that
# writes out of bounds, SOUND one that does not.
set -euo pipefail
build=$1 source=$2 faulty=$3 sound=$4
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
cmake --install "$build" --component emulator --prefix "$prefix" >/dev/null
emulate=$prefix/bin/tendon-emulate
version=$("$emulate" --version)
echo "$version"
grep -qE '^tendon-emulate [0-9]+\.[0-9]+\.[0-9]+: CUDA 13\.[0-9]+, compute capability 9\.0$' <<<"$version"
"$emulate" "$sound" --gtest_filter=Textbook.TiledMatricesMultiply | grep PASSED
status=0
"$emulate" "$faulty" >/dev/null 2>&1 || status=$?
[ "$status" -eq 86 ]
"$emulate" --list "$sound" | sort -u | grep -x 'ptx compute_90'
for file in LICENSE README.md; do cmp "$prefix/share/doc/tendon-emulator/$file" "$source/$file"; done
echo "the installed emulator works"
