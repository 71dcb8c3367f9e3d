#!/usr/bin/env bash
# Real Kafka (KRaft, one node), Cassandra (CQL) and OpenSearch as plain Java processes, for the tests.
#   services.sh fetch          get the jars from Maven Central; instant when nothing is to do
#   services.sh hold [X…]      start on free ports, live as long as stdin is open (see below)
#   services.sh up [X…]        start what does not run, on fixed ports, with its data in ./data
#   services.sh down [X…]      stop it; the data stay
#   services.sh wipe [X…]      kill it and delete its data
#   services.sh status [X…]
#   services.sh start|stop|kill|pause|cont X      (TERM, KILL, STOP, CONT) of those that `up` started
# X is kafka, cassandra or opensearch; where none is given, all three.
#
# `hold` is for a program that wants services of its own. It prints one line of JSON when they answer,
#   {"kafka":"127.0.0.1:…","cql":"127.0.0.1:…","search":"http://127.0.0.1:…"}
# or one line `error …`. Then it takes a command a line, such as `kill kafka`, and answers each with a
# line `ok` or `error …` when it is done; `start` is done when the service answers again. At the end of
# stdin, and however else it ends, the services are killed. Their data, in a directory of its own, are deleted,
# unless the script itself was killed.
#
# Settings (environment): SVC_DATA, KAFKA_PORT CQL_PORT SEARCH_PORT (the port above each is taken too; keep
#   them below /proc/sys/net/ipv4/ip_local_port_range, or an outgoing connection may hold one), KAFKA_HEAP
#   CASS_HEAP SEARCH_HEAP, CASS_COMMITLOG=batch|periodic|group, SVC_TIMEOUT (seconds to start), JAVA (17),
#   SVC_JIT (default: C1 only, half the CPU time to start; SVC_JIT=-XX:+TieredCompilation for full speed),
#   SVC_STEADY=1 (nothing will be killed: Cassandra need not flush a changed schema, four times faster, and a
#   starved broker keeps its session),
#   SVC_KEEP=1 (hold leaves its data, to read the logs).
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
DATA=${SVC_DATA:-$HERE/data}
KAFKA_PORT=${KAFKA_PORT:-19092}; CQL_PORT=${CQL_PORT:-19042}; SEARCH_PORT=${SEARCH_PORT:-19200}
SVC_TIMEOUT=${SVC_TIMEOUT:-120}
SVC_JIT=${SVC_JIT--XX:TieredStopAtLevel=1}
JAVA=${JAVA:-$(compgen -G '/usr/lib/jvm/java-17-*/bin/java' || echo "${JAVA_HOME:+$JAVA_HOME/bin/}java")}; JAVA=${JAVA%%$'\n'*}
TEMPORARY=   # set where the services end with this script
DUMP=        # set where their class-data archives are written
FAULT=       # what went wrong, in one line
STOP_S=20    # how long a service may take to stop before it is killed
. "$HERE/process.sh"
. "$HERE/kafka/service.sh"
. "$HERE/cassandra/service.sh"
. "$HERE/opensearch/service.sh"

die() { echo "services.sh: $*" >&2; exit 1; }
fault() { FAULT=$*; return 1; }
known() { [[ $1 == kafka || $1 == cassandra || $1 == opensearch ]] || fault "unknown service '$1'"; }

# --- the jars

sources() { cat "$HERE"/pom.xml "$HERE"/*/pom.xml "$HERE"/opensearch/src/*; }
fetched() { [[ $(sources | sha256sum) == "$(cat "$HERE/.fetched" 2>/dev/null)" ]]; }
must_be_fetched() { fetched || fault "jars are missing or old: run tests/services/services.sh fetch"; }

fetch() {
  command -v mvn >/dev/null && [[ $("$JAVA" --version 2>/dev/null) == *' 17.'* ]] \
    || die "install openjdk-17-jdk-headless and maven first (Cassandra runs on no newer Java; JAVA says where it is)"
  exec 9>"$HERE/.lock"; flock 9
  local jdk; jdk=$(dirname "$(readlink -f "$(command -v "$JAVA")")")
  if ! fetched; then
    rm -rf "$HERE"/*/lib "$HERE/.fetched"
    mvn -B -q -Dstyle.color=never -f "$HERE/pom.xml" dependency:copy-dependencies
    (cd "$HERE/opensearch"; rm -rf classes
      "$jdk/javac" --release 17 -cp 'lib/*' -d classes src/SearchNode.java; "$jdk/jar" cf launcher.jar -C classes .)
    format_kafka
    sources | sha256sum >"$HERE/.fetched"
  fi
  # An archive is good for these jars at these paths with this JDK; it is ignored, silently, with any other.
  local good_for; good_for="$HERE $(stat -c '%n %Y' "$jdk/java" "$HERE"/*/lib "$HERE/opensearch/launcher.jar")"
  [[ $good_for == "$(cat "$HERE/cds/good-for" 2>/dev/null)" ]] && return
  rm -rf "$HERE/cds"; mkdir "$HERE/cds"
  if (warm); then echo "$good_for" >"$HERE/cds/good-for"
  else echo "services.sh: no class-data archives were made; later starts are only slower" >&2; fi
}
warm() { # starts and stops everything once, so that the archives are written
  DUMP=1 STOP_S=120
  own_place; start_all kafka cassandra opensearch || die "$FAULT"
  use_opensearch
  stop_all kafka cassandra opensearch || die "$FAULT"
}

# --- what can be done to services

do_start() { start_all "$1"; }
do_stop() { stop_all "$1"; }
do_kill() { signal KILL "$1"; await_gone "$1" 10 || fault "$1 does not die"; }
do_pause() { signal STOP "$1"; }
do_cont() { signal CONT "$1"; }

start_all() { # all at once
  local name
  must_be_fetched || return
  for name; do running "$name" || "launch_$name" || return; done
  for name; do await_ready "$name" || return; done
}
stop_all() {
  local name
  for name; do signal CONT "$name"; signal TERM "$name"; done
  for name; do await_gone "$name" "$STOP_S" || do_kill "$name" || return; done
}
await_ready() {
  local end=$((SECONDS + SVC_TIMEOUT))
  until "probe_$1"; do
    if ! running "$1"; then tail -n 15 "$DATA/$1"/log/*.log >&2; fault "$1 ended while it started"; return; fi
    ((SECONDS < end)) || { fault "$1 is not ready after $SVC_TIMEOUT s"; return; }
    breathe
  done
}
use_opensearch() { # loads the classes of the usual requests
  http PUT /warm '{"settings":{"number_of_replicas":0},"mappings":{"properties":{"t":{"type":"text"},"k":{"type":"keyword"},"d":{"type":"date"}}}}'
  http PUT '/warm/_doc/1?refresh=true' '{"t":"hello world","k":"a","d":1}'
  http POST /warm/_search '{"query":{"bool":{"must":{"match":{"t":"hello"}},"filter":{"term":{"k":"a"}}}},"sort":[{"d":"desc"}],"highlight":{"fields":{"t":{}}}}'
} >/dev/null

# --- hold

own_place() { # a directory and ports of our own, and an end that leaves nothing behind
  DATA=$(mktemp -d "${TMPDIR:-/tmp}/parlor-services.XXXXXX"); TEMPORARY=1
  trap 'exit 143' HUP INT TERM PIPE
  trap leave EXIT
  local locks=${TMPDIR:-/tmp}/parlor-services-ports-$UID base port
  mkdir -p "$locks"
  for base in $(seq 20000 6 27994 | shuf); do   # the lock on the six ports is the kernel's: it ends with us
    exec {PORTS_LOCK}>"$locks/$base"
    if flock -n "$PORTS_LOCK"; then
      for port in $(seq "$base" $((base + 5))); do ! port_open "$port" || continue 2; done
      KAFKA_PORT=$base CQL_PORT=$((base + 2)) SEARCH_PORT=$((base + 4))
      return
    fi
    exec {PORTS_LOCK}>&-
  done
  die "no free ports between 20000 and 28000"
}
leave() {
  local name; trap '' HUP INT TERM PIPE
  for name in kafka cassandra opensearch; do signal KILL "$name"; done
  for name in kafka cassandra opensearch; do await_gone "$name" 10 || echo "services.sh: $name does not die" >&2; done
  [[ -n ${SVC_KEEP:-} ]] || rm -rf "$DATA"
}

QUEUE=()   # lines that came while something was waited for
breathe() { # a tenth of a second; ends the script when stdin has ended meanwhile
  [[ -n $HOLDING ]] || { sleep 0.1; return; }
  local line status=0
  read -r -t 0.1 line || status=$?
  case $status in 0) QUEUE+=("$line") ;; 1) exit ;; esac
}
HOLDING=
hold() {
  own_place; HOLDING=1
  start_all "$@" || { echo "error $FAULT"; exit 1; }
  local found=() name line verb
  for name; do case $name in
    kafka) found+=("\"kafka\":\"127.0.0.1:$KAFKA_PORT\"") ;;
    cassandra) found+=("\"cql\":\"127.0.0.1:$CQL_PORT\"") ;;
    opensearch) found+=("\"search\":\"http://127.0.0.1:$SEARCH_PORT\"") ;;
  esac; done
  (IFS=,; echo "{${found[*]}}")
  while next_line; do
    read -r verb name <<<"$line"
    case $verb in
      start|stop|kill|pause|cont) if known "$name" && "do_$verb" "$name"; then echo ok; else echo "error $FAULT"; fi ;;
      *) echo "error unknown command '$verb'" ;;
    esac
  done
}
next_line() { # sets `line` of its caller
  if ((${#QUEUE[@]})); then line=${QUEUE[0]}; QUEUE=("${QUEUE[@]:1}"); else read -r line; fi
}

# --- the command

command=${1:-status}; shift || true
names=("$@"); (($#)) || names=(kafka cassandra opensearch)
for name in "${names[@]}"; do known "$name" || die "$FAULT"; done
case $command in
  fetch) fetch; exit ;;
  hold) hold "${names[@]}"; exit ;;
esac
mkdir -p "$DATA"; exec 9>"$DATA/.lock"
[[ $command == status ]] || flock -w 180 9 || die "another services.sh holds $DATA/.lock"
case $command in
  up)   start_all "${names[@]}" || die "$FAULT"
        echo "KAFKA=127.0.0.1:$KAFKA_PORT CQL=127.0.0.1:$CQL_PORT SEARCH=http://127.0.0.1:$SEARCH_PORT" ;;
  down) stop_all "${names[@]}" || die "$FAULT" ;;
  wipe) for name in "${names[@]}"; do do_kill "$name" || die "$FAULT"; rm -rf "${DATA:?}/$name"; done ;;
  start|stop|kill|pause|cont) for name in "${names[@]}"; do "do_$command" "$name" || die "$FAULT"; done ;;
  status)
    for name in "${names[@]}"; do
      if ! pid=$(pid_of "$name"); then echo "$name is stopped"
      elif "probe_$name"; then echo "$name answers, pid $pid, $(awk '/VmRSS/ {print int($2 / 1024)}' "/proc/$pid/status") MiB"
      else echo "$name does not answer, pid $pid"; fi
    done ;;
  *) die "unknown command '$command' (see the head of $0)" ;;
esac
