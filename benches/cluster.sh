#!/usr/bin/env bash
# Measures the verbs on a cluster against a control plane of its own, without nodes, and beside them kubectl and Helm.
#
#   cluster.sh [apply [PIPELINES]]      applying 1,000 pipelines, three objects each, and applying them again unchanged
#   cluster.sh status [RUNS]            the status of 10,000 runs
#
# Needs Linux, Go and Python 3 with PyYAML; builds kubectl and Helm once. Settings (environment): ROUNDS of each (3);
# OMPIPE another binary; CLUSTER the number of the control plane (91).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ -z "${OMPIPE:-}" ]; then
    cargo build --release --locked --quiet
    OMPIPE=$PWD/target/release/ompipe
fi
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ompipe-ci/bench-tools
kubectl=$cache/kubectl-$(cat benches/kubectl/{go.mod,go.sum,main.go} | sha256sum | cut -c 1-16)
if [ ! -x "$kubectl" ]; then
    mkdir -p "$cache"
    (cd benches/kubectl && go build -trimpath -ldflags=-s -o "$kubectl" .)
fi
helm=$(cd tools && python3 -c 'import kubernetes_tools as tools; tools.install("helm"); print(tools.TOOLS / "helm")')
export OMPIPE KUBECTL=$kubectl HELM=$helm CLUSTER=${CLUSTER:-91}
cluster=$PWD/tests/cluster/kubernetes/cluster
trap '"$cluster" down' EXIT
trap 'exit 130' INT TERM HUP
"$cluster" down
KUBECONFIG=$("$cluster" up 0 | tail -n 1)
export KUBECONFIG
python3 benches/cluster.py "$@"
