#!/usr/bin/env bash
# Compares three clients on one server: run.sh SERVERS [ROUNDS]. Needs gcc and libzookeeper-mt-dev.
# The clients take turns, so that a busy machine is busy for each; what is printed are medians.
set -euo pipefail
cd "$(dirname "$0")"
servers=${1:?usage: run.sh SERVERS [ROUNDS]} rounds=${2:-5}
target=${CARGO_TARGET_DIR:-target}
cargo build --release --quiet
gcc -O2 -Wall -o "$target/load-c" load.c -lzookeeper_mt -lpthread
"$target/release/comparison" zoarium "$servers" prepare > /dev/null
for load in get-alone get set-alone set watches clients; do
  for ((round = 0; round < rounds; round++)); do
    "$target/release/comparison" zoarium "$servers" "$load"
    "$target/release/comparison" kezhuw "$servers" "$load"
    "$target/load-c" "$servers" "$load"
  done | sort | awk '
    { key = $1 " " $2; n[key]++; first[key, n[key]] = $3; second[key, n[key]] = $5; unit[key] = $4 }
    function median(values, key,   i, j, held, list) {
      for (i = 1; i <= n[key]; i++) list[i] = values[key, i]
      for (i = 2; i <= n[key]; i++)
        for (j = i; j > 1 && list[j - 1] + 0 > list[j] + 0; j--) {
          held = list[j]; list[j] = list[j - 1]; list[j - 1] = held
        }
      return list[int((n[key] + 1) / 2)]
    }
    END {
      for (key in n)
        if (unit[key] == "B") printf "%-20s %8d B each\n", key, median(first, key)
        else printf "%-20s %8d op/s %8.2f us of CPU each\n", key, median(first, key), median(second, key)
    }' | sort
done
