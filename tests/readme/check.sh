#!/usr/bin/env bash
# check.sh README SAMPLE PROGRAM: the README's first cpp block is the sample, the text block after it what it prints.
set -euo pipefail
block() { awk -v kind="$2" '$0 == "```" kind {inside = 1; next} inside && $0 == "```" {exit} inside' "$1"; }
diff <(block "$1" cpp) "$2"
diff <(block "$1" text) <("$3" 2>/dev/null)
