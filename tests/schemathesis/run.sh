#!/usr/bin/env bash
# Runs Schemathesis with all its checks over every generated API document, against a real server.
# What is not checked, and why, stands in schemathesis.toml and hooks.py. PARLOR_EXAMPLES=500 is the
# long form. Installs what it needs into target/schemathesis; can be run again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tests=$PWD/tests/schemathesis
place=${CARGO_TARGET_DIR:-$PWD/target}/schemathesis
export PARLOR_BIN=${PARLOR_BIN:-${CARGO_TARGET_DIR:-$PWD/target}/debug/parlor}
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$tests:$PWD/tests

source tests/environment.sh
make_environment "$place" "$tests/requirements.txt"
exec "$place/bin/python" "$tests/check.py" "$@"
