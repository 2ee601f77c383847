# Every command of the project. `just` lists them.

_default:
    @just --list --unsorted

# What CI runs.
ci:
    .ci/run

# Build the release binary.
build:
    cargo build --release --locked

# All tests. Python with PyYAML and Go, where present, are compared with.
test:
    cargo test --locked

# The tests on a real Kubernetes of two nodes, started for them and stopped afterwards. As root; the first time builds it.
cluster-test *ARGUMENTS:
    tests/cluster/run {{ARGUMENTS}}

# Kill -9 the operator that many times at random under load, on a real Kubernetes; count every exit handler.
chaos KILLS="1000":
    OMPIPE_KILLS={{KILLS}} tests/cluster/run chaos

# How many exit handlers a Job with preStop, a Job with a sidecar and an OMJob lose under the same faults: a table.
compare-exit-handlers:
    tests/cluster/run --ignored compare

# The property tests of reader, writer, merge and patches, ROUNDS times, each with other random input.
fuzz ROUNDS="20":
    for round in $(seq {{ROUNDS}}); do cargo test --locked --quiet --lib --test yaml --test kubernetes || exit 1; done

# The operator in a simulated cluster, with everything that can go wrong drawn from each of SEEDS seeds.
simulate SEEDS="1000" FIRST="0":
    OMPIPE_SEEDS={{SEEDS}} OMPIPE_FIRST_SEED={{FIRST}} cargo test --locked --quiet --profile simulation --test simulation -- --ignored --exact simulate::simulate --nocapture

# One seed of the simulation again, and all that happened in it.
replay SEED:
    OMPIPE_SEED={{SEED}} cargo test --locked --quiet --profile simulation --test simulation -- --ignored --exact simulate::replay --nocapture

# Format, then lint as CI does.
lint:
    cargo fmt --all
    cargo clippy --locked --all-targets -- -D warnings
    cargo clippy --locked --test cluster -- -D warnings

# Rewrite what the examples render to, and what the invalid ones print; review the diff.
golden:
    OMPIPE_UPDATE=1 cargo test --locked --test golden

# Rewrite schemas/ and deploy/crds/ from the Rust types.
schemas:
    OMPIPE_UPDATE=1 cargo test --locked --lib schemas_are_current

# Rewrite the table of Kubernetes types from the swagger.json of the Go module k8s.io/kubernetes.
kubernetes-types:
    python3 tools/kubernetes-types.py

# The operator's protocol under the model checker: states, depth, time, and what each mutation violates.
model:
    OMPIPE_MODEL=full cargo test --locked --profile simulation --test model -- --nocapture --test-threads 1

# The operator's chart and kustomization: sound, valid, and the same objects.
deploy-check:
    python3 tools/deploy-check.py

# What integrations/ holds, with the tools themselves: kustomize, Argo CD, Flux, Helm, kubeconform, pre-commit, GitHub.
integrations-check:
    python3 tools/integrations-check.py

# Benchmarks of the parts.
bench:
    cargo bench --locked

# From a key to the answers of the language server.
bench-language-server:
    cargo bench --locked --bench language_server

# The operator against a real control plane with a kubelet that pretends: lag, throughput, memory, failover.
bench-operator *FIGURES:
    benches/operator.sh {{FIGURES}}

# The verbs on a cluster beside kubectl and Helm, against a control plane of their own: `apply`, `status`.
bench-cluster *FIGURE:
    benches/cluster.sh {{FIGURE}}

# From a save to the files written, by the watch, at 1, 100 and 10,000 pipelines.
bench-watch EDITS="500":
    benches/watch.sh {{EDITS}}

# A whole process at N pipelines: time, memory, and the floor of reading and writing the bytes.
bench-process N="10000":
    benches/process.sh {{N}}

# Licences, bans and sources of the dependencies.
deny:
    cargo deny --offline check bans licenses sources
