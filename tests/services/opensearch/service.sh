# OpenSearch as one node, for services.sh. Central has no distribution of it, only the jars: SearchNode starts the
# server with its modules on one flat class path.
SEARCH_HEAP=${SEARCH_HEAP:-512m}
SEARCH_PLUGINS=(org.opensearch.transport.Netty4Plugin org.opensearch.analysis.common.CommonAnalysisPlugin
  org.opensearch.index.reindex.ReindexPlugin org.opensearch.painless.PainlessPlugin
  org.opensearch.index.mapper.MapperExtrasPlugin org.opensearch.join.ParentJoinPlugin)

opensearch_settings() {
  cat <<SETTINGS
cluster.name: test
node.name: node-1
path.data: $1/data
path.logs: $1/log
network.host: 127.0.0.1
http.port: $SEARCH_PORT
transport.port: $((SEARCH_PORT + 1))
discovery.type: single-node
bootstrap.memory_lock: false
# a nearly full disk would make indices read-only
cluster.routing.allocation.disk.threshold_enabled: false
# an index per test
cluster.max_shards_per_node: 5000
# the heap is small
indices.breaker.total.use_real_memory: false
action.destructive_requires_name: false
SETTINGS
}
launch_opensearch() {
  local dir=$DATA/opensearch
  must_be_free "$SEARCH_PORT" $((SEARCH_PORT + 1)) || return
  mkdir -p "$dir/config" "$dir/data" "$dir/log" "$dir/tmp"
  opensearch_settings "$dir" >"$dir/config/opensearch.yml"
  cat >"$dir/config/log4j2.xml" <<XML
<Configuration status="ERROR">
  <Appenders><File name="F" fileName="$dir/log/server.log"><PatternLayout pattern="[%d] %-5p [%c{1.}] %m%n"/></File></Appenders>
  <Loggers><Root level="INFO"><AppenderRef ref="F"/></Root></Loggers>
</Configuration>
XML
  # shellcheck disable=SC2046,SC2086
  spawn opensearch "$JAVA" -Xms128m -Xmx"$SEARCH_HEAP" -Xss512k -XX:+UseG1GC -XX:+ExitOnOutOfMemoryError -XX:-UsePerfData \
    -XX:MaxDirectMemorySize=256m $SVC_JIT $(archive opensearch) -Djava.awt.headless=true -Djava.io.tmpdir="$dir/tmp" -Dfile.encoding=UTF-8 \
    -Djna.nosys=true -Djna.tmpdir="$dir/tmp" -Dio.netty.noUnsafe=true -Dio.netty.noKeySetOptimization=true \
    -Dio.netty.recycler.maxCapacityPerThread=0 -Dopensearch.networkaddress.cache.ttl=60 -Dlog4j2.disable.jmx=true \
    -Dlog4j2.configurationFile="file:$dir/config/log4j2.xml" -Dlog4j.shutdownHookEnabled=false \
    -cp "$(classpath "$HERE"/opensearch/lib/*.jar "$HERE/opensearch/launcher.jar")" SearchNode "$dir/config" "${SEARCH_PLUGINS[@]}"
}
probe_opensearch() { # the cluster's health is yellow at least: all primaries are started
  http GET '/_cluster/health?wait_for_status=yellow&timeout=2s' '' 2>/dev/null | grep -q '"timed_out":false'
}
http() ( # http METHOD PATH BODY
  exec 7<>"/dev/tcp/127.0.0.1/$SEARCH_PORT" || exit 1
  printf '%s %s HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' "$1" "$2" "${#3}" "$3" >&7
  timeout 5 cat <&7
)
