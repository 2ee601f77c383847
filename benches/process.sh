#!/usr/bin/env bash
# process.sh N...
#
# Measures whole processes of the release binary at N pipelines, and beside them, in the same run, what the bytes alone
# cost: reading the input, copying and hashing the output. Prints tables in Markdown.
#
# Times are medians (and the least wall time), CPU time is user + system, memory is the highest peak. Needs Linux, bash 5 and GNU time.
# Settings (environment): RUNS counted runs of each command, after one that warms up (5); OMPIPE another binary;
# BENCH_DIR a folder to use and keep.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
runs=${RUNS:-5}
[ $# -gt 0 ] || set -- 10000
[ -n "${EPOCHREALTIME:-}" ] || { echo "process.sh: bash 5 is needed" >&2; exit 2; }
time=$(type -P time) && "$time" --version >/dev/null 2>&1 || { echo "process.sh: GNU time is needed" >&2; exit 2; }

cd "$here"
if [ -z "${OMPIPE:-}" ]; then
    cargo build --release --locked --quiet
    OMPIPE=$here/target/release/ompipe
fi
dir=${BENCH_DIR:-$(mktemp -d)}
[ -n "${BENCH_DIR:-}" ] || trap 'rm -rf "$dir"' EXIT INT TERM
mkdir -p "$dir"

# LC_ALL: a decimal point, and bytes rather than characters.
export LC_ALL=C
median() { sort -n | awk '{v[NR] = $1} END {print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2}'; }
megabytes() { awk -v b="$1" 'BEGIN {printf "%.1f", b / 1e6}'; }

# measure NAME BYTES COMMAND: runs COMMAND (a line for the shell; before it, BEFORE if set) and prints a row. The median
# wall time is left in $wall, the peak memory in $peak.
measure() {
    local name=$1 bytes=$2 command=$3 start i
    : >"$dir/walls"; : >"$dir/cpus"; : >"$dir/peaks"
    for ((i = 0; i <= runs; i++)); do
        eval "${BEFORE:-}"
        start=${EPOCHREALTIME/./}
        "$time" -f '%U %S %M' -o "$dir/time" sh -c "exec $command"
        wall=$((${EPOCHREALTIME/./} - start))
        [ "$i" -gt 0 ] || continue
        echo "$wall" >>"$dir/walls"
        tail -n 1 "$dir/time" | awk -v c="$dir/cpus" -v p="$dir/peaks" '{print $1 + $2 >>c; print $3 >>p}'
    done
    wall=$(median <"$dir/walls")
    least=$(sort -n "$dir/walls" | head -n 1)
    peak=$(sort -n "$dir/peaks" | tail -n 1)
    awk -v name="$name" -v wall="$wall" -v least="$least" -v cpu="$(median <"$dir/cpus")" -v peak="$peak" -v bytes="$bytes" -v n="$n" 'BEGIN {
        printf "| %s | %.3f | %.3f | %.2f | %.0f | %.0f | %.0f |\n", name, wall / 1e6, least / 1e6, cpu, peak / 1024, bytes / wall, n * 1e6 / wall}'
}

echo "ompipe $("$OMPIPE" --version | cut -d' ' -f2), $(nproc) cores, $(uname -sm), $runs runs of each; load when it began: $(cut -d' ' -f1 /proc/loadavg 2>/dev/null || echo unknown)"
summary=
for n in "$@"; do
    project=$dir/$n out=$dir/out
    [ -f "$project/ompipe.yaml" ] || cargo bench --locked --quiet --bench project -- "$project" "$n" >/dev/null
    input=$(find "$project" -type f -name '*.yaml' -printf '%s\n' | awk '{sum += $1} END {printf "%d", sum}')
    "$OMPIPE" render "$project" >"$out.yaml"
    output=$(wc -c <"$out.yaml")
    echo
    echo "### $n pipelines: $(megabytes "$input") MB in $((n + 1)) files → $(megabytes "$output") MB, $(grep -c '^kind: ' "$out.yaml") objects"
    echo
    echo "| what | wall s | least s | CPU s | peak MiB | MB/s | pipelines/s |"
    echo "|---|--:|--:|--:|--:|--:|--:|"
    measure "validate" "$input" "$OMPIPE validate -q $project"
    measure "render to a file" "$output" "$OMPIPE render $project >$out.yaml"
    summary+="$n $wall $peak"$'\n'
    measure "render to a file, \`--threads 1\`" "$output" "$OMPIPE --threads 1 render $project >$out.yaml"
    if [ "$n" -le 10000 ]; then # of more files the disk would be measured
        BEFORE="rm -rf $out.d" measure "render to a new folder" "$output" "$OMPIPE render -q -o $out.d $project"
        measure "render to the same folder again" "$output" "$OMPIPE render -q -o $out.d $project"
        measure "render --check of the same folder" "$output" "$OMPIPE render -q --check -o $out.d $project"
        BEFORE="rm -rf $out.e" measure "floor: copy the folder (\`cp -r\`)" "$output" "cp -r $out.d $out.e"
    fi
    measure "floor: read the input (\`cat\`)" "$input" "find $project -type f -exec cat {} + >/dev/null"
    measure "floor: copy the output (\`dd\`)" "$output" "dd if=$out.yaml of=$out.copy bs=1M status=none"
    measure "floor: hash the output (\`sha256sum\`)" "$output" "sha256sum $out.yaml >/dev/null"
    rm -rf "$out.d" "$out.e" "$out.copy" "$out.yaml"
done

if [ $# -gt 1 ]; then
    echo
    echo "### How time and memory grow"
    echo
    echo "| pipelines | render, wall s | µs a pipeline | peak MiB | KiB a pipeline |"
    echo "|--:|--:|--:|--:|--:|"
    printf %s "$summary" | awk '{printf "| %d | %.3f | %.1f | %.0f | %.1f |\n", $1, $2 / 1e6, $2 / $1, $3 / 1024, $3 / $1}'
fi

# One pipeline, process start and end included: GNU time would be a second process to wait for.
project=$dir/1
[ -f "$project/ompipe.yaml" ] || cargo bench --locked --quiet --bench project -- "$project" 1 >/dev/null
for ((i = 0; i < 200; i++)); do
    start=${EPOCHREALTIME/./}
    "$OMPIPE" render "$project" >"$dir/out.yaml"
    echo $((${EPOCHREALTIME/./} - start))
done | sort -n | awk '{v[NR] = $1} END {
    printf "\nOne pipeline, process start included, 200 runs: p50 %.1f ms, p99 %.1f ms, fastest %.1f ms\n", v[100] / 1e3, v[198] / 1e3, v[1] / 1e3}'
