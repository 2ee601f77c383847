#!/usr/bin/env bash
# The first command of the README: it must end with a real pipeline's objects on the screen.
set -euo pipefail
cd "$(dirname "$0")/.."
command=$(sed -n 's/^    \(cargo run .* render examples\/quickstart\)$/\1/p' README.md | head -n 1)
[ -n "$command" ] || { echo 'quickstart: README.md has no command that renders examples/quickstart' >&2; exit 1; }
rendered=$($command)
for kind in ConfigMap CronJob; do
  grep -qx "kind: $kind" <<<"$rendered" || { echo "quickstart: no $kind was rendered by: $command" >&2; exit 1; }
done
echo "quickstart: ok: $command"
