#!/usr/bin/env bash
# Runs the analytics example (examples/analytics): its own tests, then count.py against a real Kafka,
# with records of a client that knows what it did, and with the traffic of real nodes.
# Installs what it needs into target/analytics; can be run again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
example=$PWD/examples/analytics
place=${CARGO_TARGET_DIR:-$PWD/target}/analytics
export PARLOR_BIN=${PARLOR_BIN:-${CARGO_TARGET_DIR:-$PWD/target}/debug/parlor}
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$example:$PWD/tests/analytics:$PWD/tests

source tests/environment.sh
make_environment "$place" "$example/requirements.txt"
"$place/bin/python" -m unittest discover --start-directory "$example"
tests/services/services.sh fetch
"$place/bin/python" -m unittest discover --start-directory tests/analytics
