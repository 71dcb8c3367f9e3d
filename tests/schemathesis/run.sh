#!/usr/bin/env bash
# Runs Schemathesis with all its checks over every generated API document, against a real server.
# What is not checked, and why, stands in schemathesis.toml and hooks.py. PARLOR_EXAMPLES=500 is the
# long form. Installs what it needs into target/schemathesis; can be run again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
tests=$PWD/tests/schemathesis
place=${CARGO_TARGET_DIR:-$PWD/target}/schemathesis
export PARLOR_BIN=${PARLOR_BIN:-${CARGO_TARGET_DIR:-$PWD/target}/debug/parlor}
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$tests

make_environment() { # anew where the requirements or the interpreter are others
  local good_for; good_for="$(python3 -VV) $(sha256sum <"$tests/requirements.txt")"
  [[ $good_for == "$(cat "$place/good-for" 2>/dev/null)" ]] && return
  rm -rf "$place"
  python3 -m venv "$place"
  # Wheels only: nothing is compiled, so no compiler is needed.
  "$place/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: -r "$tests/requirements.txt"
  echo "$good_for" >"$place/good-for"
}

make_environment
exec "$place/bin/python" "$tests/check.py" "$@"
