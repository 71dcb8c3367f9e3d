#!/usr/bin/env bash
# Runs everything that must pass, cheap things first. Installs what it needs (Debian) and can be
# run again. `./test.sh --no-browser` leaves the browser tests out.
set -euo pipefail
cd "$(dirname "$0")"

browser=yes
[[ "${1:-}" == "--no-browser" ]] && browser=no

step() { printf '\n== %s\n' "$1"; }

as_root() { if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi; }

install_packages() {
  local missing=()
  command -v cc >/dev/null || missing+=(build-essential)
  compgen -G '/usr/lib/jvm/java-17-*/bin/javac' >/dev/null || missing+=(openjdk-17-jdk-headless)
  command -v mvn >/dev/null || missing+=(maven)
  python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
  if [[ $browser == yes ]]; then
    command -v chromium >/dev/null || missing+=(chromium)
    command -v node >/dev/null || missing+=(nodejs npm)
  fi
  if (( ${#missing[@]} )); then
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"
  fi
  command -v cargo >/dev/null || { echo "Rust is missing: install rustup, then run this again" >&2; exit 1; }
  rustup component add rustfmt clippy >/dev/null 2>&1 || true
}

step "what is needed"; install_packages
step "format"; cargo fmt --check
step "lints"; cargo clippy --locked --all-targets -- -D warnings
step "Kafka, Cassandra and OpenSearch to test against"; tests/services/services.sh fetch
step "unit, property and integration tests"; cargo test --locked
step "documents are fresh"; cargo run --locked --quiet -- openapi --check
step "the analytics example"; tests/analytics/run.sh
step "the documents against the server"; tests/schemathesis/run.sh
step "rustdoc"; RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --quiet
step "dependencies"
if ! command -v cargo-deny >/dev/null; then cargo install --locked --quiet cargo-deny; fi
cargo fetch --locked --quiet
cargo deny --offline check bans licenses sources

if [[ $browser == yes ]]; then
  step "browser tests"
  PARLOR_BIN="${CARGO_TARGET_DIR:-$PWD/target}/debug/parlor"
  export PARLOR_BIN
  (cd tests/browser && npm ci --no-audit --no-fund && npm test)
fi

step "all passed"
