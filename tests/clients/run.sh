#!/usr/bin/env bash
# Lints every document, makes a TypeScript and a Python client from each, compiles them, and lets
# them call a real server; then runs every sample of code that the documents have, and the programs
# of examples/. Needs Node 20.19, Python 3 and curl. Installs what else it needs here and into
# target/clients; can be run again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tests=$PWD/tests/clients
place=${CARGO_TARGET_DIR:-$PWD/target}/clients
export PARLOR_BIN=${PARLOR_BIN:-${CARGO_TARGET_DIR:-$PWD/target}/debug/parlor}
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$tests:$PWD/tests:$PWD/tests/schemathesis
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
documents=(aerochat widget chataibot aloochat live)

source tests/environment.sh
mkdir -p "$place"
make_environment "$place/python" "$tests/requirements.txt"
(cd "$tests" && npm ci --no-audit --no-fund --silent)
tool() { (cd "$tests" && "node_modules/.bin/$1" "${@:2}"); }

files=()
for name in "${documents[@]}"; do files+=("../../openapi/$name.json"); done

echo "-- lint"
tool redocly lint --config redocly.yaml --format github-actions "${files[@]}"
tool spectral lint --ruleset spectral.yaml --fail-severity warn --quiet "${files[@]}" ../../openapi/asyncapi.yaml

echo "-- clients"
rm -rf "$tests/generated" "$place/packages"
mkdir -p "$place/packages"
for name in "${documents[@]}"; do
  tool openapi-typescript "../../openapi/$name.json" --output "generated/typescript/$name.ts" >/dev/null
  PATH=$place/python/bin:$PATH "$place/python/bin/openapi-python-client" generate \
    --path "openapi/$name.json" --output-path "$place/packages/$name" --meta none --fail-on-warning
done
tool tsc --project tsconfig.json
"$place/python/bin/python" -m compileall -q "$place/packages"

echo "-- calls"
"$place/python/bin/python" "$tests/clients.py" "$place/packages"
