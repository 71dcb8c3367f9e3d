# To be sourced by the tests that are in Python.

# Makes a virtual environment in a folder from a file of requirements; anew where these or the
# interpreter are others.
make_environment() {
  local place=$1 requirements=$2 good_for
  good_for="$(python3 -VV) $(sha256sum <"$requirements")"
  [[ $good_for == "$(cat "$place/good-for" 2>/dev/null)" ]] && return
  rm -rf "$place"
  python3 -m venv "$place"
  # Wheels only: nothing is compiled, so no compiler and no librdkafka are needed.
  "$place/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: -r "$requirements"
  echo "$good_for" >"$place/good-for"
}
