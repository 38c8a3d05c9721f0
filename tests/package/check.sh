#!/usr/bin/env bash
# Builds and runs the consumer: check.sh find_package|add_subdirectory SOURCE_DIR BUILD_DIR WORK_DIR COMPILER
set -euo pipefail
how=$1 source=$2 build=$3 work=$4/$1 compiler=$5
rm -rf "$work"
mkdir -p "$work"
if [ "$how" = find_package ]; then
  cmake --install "$build" --prefix "$work/prefix" >"$work/install.log"
  grep -rlE "$source|$build" "$work/prefix/include" "$work/prefix/lib"*/cmake && { echo "the package names the build tree"; exit 1; }
fi
cmake -S "$source/tests/package/consumer" -B "$work/build" -G Ninja -DTENDON_FROM="$how" -DTENDON_SOURCE="$source" \
  -DCMAKE_PREFIX_PATH="$work/prefix" -DCMAKE_CXX_COMPILER="$compiler" -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0
cmake --build "$work/build"
"$work/build/consumer"
