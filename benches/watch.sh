#!/usr/bin/env bash
# watch.sh [EDITS]
#
# From a save to the files written, by the release binary's `ompipe watch`, at 1, 100 and 10,000 pipelines, a file each: p50 and
# p99 over EDITS saves (500) of one file after the other, the time of the processor at rest, and the memory. Needs Linux.
# Settings (environment): OMPIPE another binary; TMPDIR where the project lies; COUNTS other numbers of pipelines.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -z "${OMPIPE:-}" ]; then
    cargo build --release --locked --quiet
    OMPIPE=$PWD/target/release/ompipe
fi
export OMPIPE
echo "ompipe $("$OMPIPE" --version | cut -d' ' -f2), $(nproc) cores, $(uname -sm), $(stat -f -c %T "${TMPDIR:-/tmp}"), load when it began: $(cut -d' ' -f1 /proc/loadavg)"
for count in ${COUNTS:-1 100 10000}; do
    echo
    cargo bench --locked --quiet --bench watch -- "$count" "${1:-500}"
done
