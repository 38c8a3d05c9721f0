#!/usr/bin/env python3
"""Compares the speed of two builds: compare.py BEFORE AFTER [--row NAME]... [--pairs 20] [--threads 1]

BEFORE and AFTER are tendon-bench programs. They run by turns, so that what else the machine does
meets both. A line says the median of the pairs' ratios AFTER / BEFORE and its 95 % interval, from
the order statistics of the pairs (the binomial distribution). A row fails if its interval lies
above 1.03: then the exit status is 1.
"""
import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile

LIMIT = 1.03


def measure(program, arguments):
    """Nanoseconds of tendon by (row, size, threads)."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "rows.json")
        subprocess.run([program, *arguments, "--json", file], check=True, stdout=subprocess.DEVNULL)
        with open(file) as lines:
            rows = [json.loads(line) for line in lines]
    return {(row["row"], row["size"], row["threads"]): row["ours_ns"] for row in rows if row["ours_ns"]}


def interval(ratios):
    """The 95 % interval of the median: the r-th least and r-th greatest, r the greatest rank with
    P(Binomial(n, 1/2) < r) <= 2.5 %."""
    count = len(ratios)
    rank, below = 1, 2.0**-count
    while below + math.comb(count, rank) / 2**count <= 0.025:
        below += math.comb(count, rank) / 2**count
        rank += 1
    ordered = sorted(ratios)
    return ordered[rank - 1], ordered[count - rank]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("--row", action="append", default=[])
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.1, help="of a line of a run (0.1)")
    given = parser.parse_args()
    if given.pairs < 6:
        parser.error("--pairs: fewer than 6 pairs have no 95 % interval")
    arguments = ["--threads", str(given.threads), "--seconds", str(given.seconds)]
    for row in given.row:
        arguments += ["--row", row]

    ratios = {}
    before_ns, after_ns = {}, {}
    for pair in range(given.pairs):
        # The one that goes first changes, since the second finds a warmer machine.
        programs = [given.before, given.after][:: 1 if pair % 2 == 0 else -1]
        measured = {program: measure(program, arguments) for program in programs}
        for key, before in measured[given.before].items():
            after = measured[given.after].get(key)
            if after is None:
                continue
            ratios.setdefault(key, []).append(after / before)
            before_ns[key] = min(before, before_ns.get(key, before))
            after_ns[key] = min(after, after_ns.get(key, after))

    failed = False
    print(f"{'row':<50} {'before us':>10} {'after us':>10} {'ratio':>7}   95 % interval of {given.pairs} pairs")
    for key, of in ratios.items():
        low, high = interval(of)
        is_slower = low > LIMIT
        failed |= is_slower
        print(
            f"{key[0] + ', ' + key[1]:<50} {before_ns[key] / 1e3:>10.2f} {after_ns[key] / 1e3:>10.2f} "
            f"{statistics.median(of):>7.3f}   {low:.3f} to {high:.3f}{'  slower' if is_slower else ''}"
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
