#!/usr/bin/env bash
# Measures the operator against a control plane of its own, without nodes.
#
#   operator.sh [FIGURE]...     idle, lag, burst, throughput, failover, cron, scale; all of them if none is named
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
cargo bench --locked --bench operator --no-run
cluster=$PWD/tests/cluster/kubernetes/cluster
export CLUSTER=${CLUSTER:-90}
trap '"$cluster" down' EXIT
trap 'exit 130' INT TERM HUP
"$cluster" down
OMPIPE_KUBECONFIG=$("$cluster" up 0 | tail -n 1)
export OMPIPE_KUBECONFIG
cargo bench --locked --bench operator -- "$@"
