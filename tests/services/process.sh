# Processes and ports, for services.sh: only what we started is ever signalled.

classpath() { local IFS=:; local jars=("$@"); echo "${jars[*]}"; }   # sorted by the shell; an archive needs the order
started_at() { # of a process with threads: a killed JVM is a zombie while its last threads still hold the port
  local stat; stat=$(cat "/proc/$1/stat" 2>/dev/null) || return
  read -ra stat <<<"${stat##*) }"
  [[ ${stat[0]} != Z || ${stat[17]} -gt 1 ]] && echo "${stat[19]}"
}
pid_of() { # while the very process that we started runs
  local pid at
  read -r pid at 2>/dev/null <"$DATA/$1/pid" && [[ $(started_at "$pid") == "$at" ]] && echo "$pid"
}
running() { pid_of "$1" >/dev/null; }
signal() { local pid; if pid=$(pid_of "$2"); then kill "-$1" "$pid" 2>/dev/null || true; fi; }
await_gone() { # await_gone X SECONDS
  local i
  for ((i = 0; i < $2 * 20; i++)); do
    running "$1" || { rm -f "$DATA/$1/pid"; return 0; }
    sleep 0.05
  done
  return 1
}
spawn() { # spawn X COMMAND…: a session of its own; with a temporary place it dies with this script, even of KILL
  local dir=$DATA/$1 guard=(); shift
  [[ -z $TEMPORARY ]] || guard+=(--pdeathsig KILL)
  [[ $UID != 0 ]] || guard+=(--bounding-set=-ipc_lock)   # root's Cassandra would lock its whole heap in memory
  ((${#guard[@]} == 0)) || guard=(setpriv "${guard[@]}")
  ( ulimit -l 64 || true; exec setsid nohup "${guard[@]}" "$@" ) >"$dir/log/stdout.log" 2>&1 </dev/null 9>&- &
  echo "$! $(started_at $!)" >"$dir/pid"
  disown $!
}
archive() { # the flags that use (or write) a service's class-data archive
  if [[ -n $DUMP ]]; then echo "-XX:ArchiveClassesAtExit=$HERE/cds/$1.jsa"
  elif [[ -f $HERE/cds/$1.jsa ]]; then echo "-XX:SharedArchiveFile=$HERE/cds/$1.jsa -Xshare:auto -Xlog:cds=off -Xlog:cds+dynamic=off"; fi
}
port_open() { (exec 7<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
must_be_free() { # a port can stay taken for a moment after a kill
  local port i
  for port; do
    for ((i = 0; ; i++)); do
      port_open "$port" || break
      ((i < 50)) || { fault "port $port is in use by something else"; return; }
      sleep 0.1
    done
  done
}
