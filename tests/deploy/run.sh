#!/usr/bin/env bash
# Holds the compose files against the Compose Specification and against the binary under test, and
# tries the alerts with promtool.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

place=${CARGO_TARGET_DIR:-$PWD/target}/deploy
export PARLOR_BIN=${PARLOR_BIN:-${CARGO_TARGET_DIR:-$PWD/target}/debug/parlor}
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$PWD/tests

source tests/environment.sh
make_environment "$place" tests/deploy/requirements.txt
"$place/bin/python" tests/deploy/check.py

# Debian has promtool in the package of the server. It is unpacked here and not installed, so that no
# server starts.
promtool=$(command -v promtool || echo "$place/prometheus/usr/bin/promtool")
if [[ ! -x $promtool ]]; then
  mkdir -p "$place/prometheus"
  (
    cd "$place/prometheus"
    # Where the list of packages is old, what it names is gone.
    sudo=$([[ $(id -u) == 0 ]] || echo sudo)
    apt-get download -q prometheus || { $sudo apt-get update -q && apt-get download -q prometheus; }
    dpkg-deb -x prometheus_*.deb .
    rm prometheus_*.deb
  )
fi
cmp deploy/prometheus/alerts.yml deploy/helm/parlor/files/alerts.yml
"$promtool" check rules deploy/prometheus/alerts.yml
"$promtool" test rules deploy/prometheus/alerts_test.yml
"$promtool" check config --syntax-only deploy/prometheus/prometheus.yml
