#!/usr/bin/env bash
set -euo pipefail
cd "$(dirname "$0")"

usage() {
  cat <<'END'
Runs everything that must pass, cheap things first. It installs what it needs and can be run again.

  ./test.sh             everything: some 50 minutes on two cores from nothing, less the second time
  ./test.sh --fast      without services and browser: no Kafka, Cassandra, OpenSearch, no Chromium; 12 minutes
  ./test.sh --help      this text

On Debian it installs with apt: build-essential, OpenJDK 17 and Maven (for Kafka, Cassandra and OpenSearch, 155 MB
of jars), Python's venv, Go, Chromium, Node.js and npm. With cargo it installs cargo-deny. The rest stays in this
folder: also a Node.js from npm, where Debian's is older than 20.19, as Debian 12's is. Rust 1.95 must be there already;
rustup is the way to get it.
END
}

fast=
for argument in "$@"; do
  case $argument in
    --fast) fast=yes ;;
    -h | --help) usage; exit ;;
    *) printf 'test.sh: unknown argument %s\n\n' "$argument" >&2; usage >&2; exit 2 ;;
  esac
done

# Says how many seconds all before has taken.
step() { printf '\n== %s (at %d s)\n' "$1" "$SECONDS"; }

as_root() { if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi; }

is_node_new_enough() {
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)'
}

# Python packages are installed as wheels, so that no compiler for them is needed.
install_packages() {
  local missing=()
  command -v cc >/dev/null || missing+=(build-essential)
  if [[ ! $fast ]]; then
    compgen -G '/usr/lib/jvm/java-17-*/bin/javac' >/dev/null || missing+=(openjdk-17-jdk-headless)
    command -v mvn >/dev/null || missing+=(maven)
    python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
    command -v go >/dev/null || missing+=(golang-go)
    command -v chromium >/dev/null || missing+=(chromium)
    command -v node >/dev/null || missing+=(nodejs npm)
  fi
  if (( ${#missing[@]} )); then
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"
  fi
  if [[ ! $fast ]] && ! is_node_new_enough; then
    # Node.js is a package of npm's, too.
    npm install --prefix target/node --no-audit --no-fund --silent node@22
    PATH="$PWD/target/node/node_modules/node/bin:$PATH"
    is_node_new_enough || { echo "test.sh: Node.js 20.19 or newer is needed, and $(node --version) is there" >&2; exit 1; }
  fi
  command -v cargo >/dev/null || { echo "test.sh: Rust is missing; install rustup (https://rustup.rs), then run this again" >&2; exit 1; }
  rustup component add rustfmt clippy >/dev/null 2>&1 || true
}

# The tests that start services, by a part of their names.
services=(cluster:: ::clustered engines::cql:: engines::search:: engines::cluster:: harness::cluster:: harness::services::)

step "what is needed"; install_packages
step "format"; cargo fmt --check
step "lints"; cargo clippy --locked --all-targets -- -D warnings
[[ $fast ]] || { step "an older release, to run beside this one"; cargo build --locked --example parlor-older --features older-release; }
if [[ $fast ]]; then
  step "unit, property and integration tests, without services"
  skipped=(); for part in "${services[@]}"; do skipped+=(--skip "$part"); done
  cargo test --locked --lib --bins
  cargo test --locked --test it -- "${skipped[@]}"
else
  step "Kafka, Cassandra and OpenSearch to test against"; tests/services/services.sh fetch
  step "unit, property and integration tests"; cargo test --locked
fi
# What the tests have built.
PARLOR_BIN="${CARGO_TARGET_DIR:-$PWD/target}/debug/parlor"
export PARLOR_BIN
step "documents are fresh"; "$PARLOR_BIN" openapi --check
# With the examples, as then the dependencies are those that the lints have looked at.
step "rustdoc"; RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --lib --examples --quiet
step "dependencies"
command -v cargo-deny >/dev/null || cargo install --locked --quiet --debug cargo-deny
cargo fetch --locked --quiet
cargo deny --offline check bans licenses sources

if [[ ! $fast ]]; then
  step "compose files"; tests/deploy/run.sh
  step "documents, generated clients, examples and the README's samples"; tests/clients/run.sh
  step "the analytics example"; tests/analytics/run.sh
  step "the documents against the server"; tests/schemathesis/run.sh
  step "browser tests"; (cd tests/browser && npm ci --no-audit --no-fund && npm test)
fi

step "all passed"
