#!/usr/bin/env bash
# Runs the analytics example (examples/analytics): its own tests, then count.py against a real Kafka,
# with records of a client that knows what it did, and with the traffic of real nodes.
# Installs what it needs into target/analytics; can be run again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
example=$PWD/examples/analytics
place=${CARGO_TARGET_DIR:-$PWD/target}/analytics
export PARLOR_BIN=${PARLOR_BIN:-${CARGO_TARGET_DIR:-$PWD/target}/debug/parlor}
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$example:$PWD/tests/analytics

make_environment() { # anew where the requirements or the interpreter are others
  local good_for; good_for="$(python3 -VV) $(sha256sum <"$example/requirements.txt")"
  [[ $good_for == "$(cat "$place/good-for" 2>/dev/null)" ]] && return
  rm -rf "$place"
  python3 -m venv "$place"
  # Wheels only: nothing is compiled, so no compiler and no librdkafka are needed.
  "$place/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: -r "$example/requirements.txt"
  echo "$good_for" >"$place/good-for"
}

make_environment
"$place/bin/python" -m unittest discover --start-directory "$example"
tests/services/services.sh fetch
"$place/bin/python" -m unittest discover --start-directory tests/analytics
