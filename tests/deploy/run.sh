#!/usr/bin/env bash
# Holds the compose files against the Compose Specification and against the binary under test.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

place=${CARGO_TARGET_DIR:-$PWD/target}/deploy
export PARLOR_BIN=${PARLOR_BIN:-${CARGO_TARGET_DIR:-$PWD/target}/debug/parlor}
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$PWD/tests

source tests/environment.sh
make_environment "$place" tests/deploy/requirements.txt
"$place/bin/python" tests/deploy/check.py
