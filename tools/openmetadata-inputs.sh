#!/usr/bin/env bash
# Fetches what the tests compare with OpenMetadata itself into a folder, from PyPI and Maven Central; does nothing when it is
# there. None of it is part of the project.
#
#   workflows/                          the example workflows of the Python package
#   workflow-1.13.6.3.schema.json       the JSON Schema of its workflow
#   openmetadata-spec-1.4.0.jar         the newest jar of OpenMetadata's schema files
set -euo pipefail
target=${1:?usage: openmetadata-inputs.sh FOLDER}
version=1.13.6.3
schema=$target/workflow-$version.schema.json
jar=$target/openmetadata-spec-1.4.0.jar
mkdir -p "$target"

if [ ! -s "$schema" ] || [ ! -d "$target/workflows" ]; then
  python3 -m venv "$target/venv"
  # Without its two hundred dependencies: the generated models need pydantic alone.
  "$target/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "openmetadata-ingestion==$version"
  "$target/venv/bin/pip" install --quiet --disable-pip-version-check 'pydantic[email]' pyyaml
  packages=$("$target/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  "$target/venv/bin/python" - "$packages" >"$schema.part" <<'PYTHON'
import json, sys, types

# The package's own __init__ imports SQLAlchemy, which the models do not need.
metadata = types.ModuleType("metadata")
metadata.__path__ = [sys.argv[1] + "/metadata"]
sys.modules["metadata"] = metadata
from metadata.generated.schema.metadataIngestion.workflow import OpenMetadataWorkflowConfig

print(json.dumps(OpenMetadataWorkflowConfig.model_json_schema()))
PYTHON
  rm -rf "$target/workflows"
  cp -r "$packages/metadata/examples/workflows" "$target/workflows"
  mv "$schema.part" "$schema"
  rm -rf "$target/venv"
fi
if [ ! -s "$jar" ]; then
  central=https://repo1.maven.org/maven2/org/open-metadata/openmetadata-spec/1.4.0
  curl --fail --silent --show-error --location --retry 5 -o "$jar.part" "$central/openmetadata-spec-1.4.0.jar"
  mv "$jar.part" "$jar"
fi
