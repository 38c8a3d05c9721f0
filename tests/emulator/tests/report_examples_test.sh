#!/usr/bin/env bash
# report_examples_test.sh PROGRAM SOURCE DOCUMENT [--write]: the document shows each example of the source, and what the
# emulator prints of it, as the program does now. With --write it is written anew.
set -euo pipefail
program=$1 source=$2 document=$3
export TENDON_EMULATOR_CHECKS=-calls,-leaks
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
export TENDON_EMULATOR_STEPS=100000

report() { # NAME: what is printed, with file names for paths, and addresses that may be any cut short
  { "$program" "$1" 2>&1 >/dev/null || true; } 2>/dev/null | sed -n -E \
    -e "s|$(dirname "$source")/||" -e 's|/[^ ]*/include/|…/include/|' -e 's/0x7[0-9a-f]{8,}/0x7…/g' \
    -e '/ in all$/d' -e 's/^emulator: //' -e p
}

# shellcheck disable=SC2016 # Markdown's quotes
{
  cat <<'END'
# What the emulated device reports

One example of each kind, from [report_examples.cu](tests/report_examples.cu), with what the emulator prints of it on
stderr. `tests/report_examples_test.sh` keeps them true; `--write` writes this file anew. A suppression names the fault by
the word at the head of its example: `absent_lane`, `shared_race`.
END
  while read -r name title; do
    printf '\n## `%s`: %s\n' "$name" "$title"
    printf '```cuda\n%s\n```\n' "$(sed -n "/^\/\/ \[$name\]/,/^\/\/ \[end\]/{/^\/\/ \[/d;p}" "$source")"
    printf '```text\n%s\n```\n' "$(report "$name")"
  done < <(sed -n 's|^// \[\([a-z_]*\)\] \(.*\)|\1 \2|p' "$source")
} >"$folder/document"

if [ "${4:-}" = --write ]; then
  cp "$folder/document" "$document"
  exit
fi

# Another nvcc may choose other registers, labels and lines of its PTX.
# shellcheck disable=SC2016
settled() { sed -E -e 's/line [0-9]+ of the PTX/line of the PTX/g' -e 's/%[a-z]+[0-9]+/%r/g' -e 's/\$L__BB[0-9_]+/$L/' "$1"; }
diff -u <(settled "$document") <(settled "$folder/document") || {
  echo "FAILED: $document does not show what is printed; run: $0 $program $source $document --write"
  exit 1
}

# A file of suppressions that cannot be read lists all keys: each has its example.
echo "no_such_fault" >"$folder/suppressions"
TENDON_EMULATOR_SUPPRESSIONS=$folder/suppressions "$program" trap >"$folder/keys" 2>&1 || true
keys=$(sed -n 's/.*; there are //p' "$folder/keys")
[ -n "$keys" ] || { echo "FAILED: no keys are listed"; exit 1; }
for key in ${keys//,/ }; do
  grep -q "^## \`$key" "$document" || { echo "FAILED: $key has no example in $source"; exit 1; }
done
