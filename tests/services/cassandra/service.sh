# Cassandra as one node, for services.sh.
CASS_HEAP=${CASS_HEAP:-768m}
CASS_COMMITLOG=${CASS_COMMITLOG:-batch}   # periodic, Cassandra's default, can lose the last 100 ms to a KILL

cassandra_settings() {
  case $CASS_COMMITLOG in
    periodic) printf 'commitlog_sync: periodic\ncommitlog_sync_period: 10000ms\n' ;;
    batch) echo 'commitlog_sync: batch' ;;
    group) printf 'commitlog_sync: group\ncommitlog_sync_group_window: 5ms\n' ;;
    *) die "CASS_COMMITLOG=$CASS_COMMITLOG" ;;
  esac
  cat <<SETTINGS
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "127.0.0.1:$((CQL_PORT + 1))"
# one node on loopback, one token
cluster_name: test
listen_address: 127.0.0.1
rpc_address: 127.0.0.1
storage_port: $((CQL_PORT + 1))
native_transport_port: $CQL_PORT
num_tokens: 1
initial_token: "0"
auto_bootstrap: false
hinted_handoff_enabled: false
dynamic_snitch: false
auto_snapshot: false
# small
concurrent_reads: 16
concurrent_writes: 16
concurrent_counter_writes: 16
concurrent_compactors: 1
native_transport_max_threads: 32
memtable_heap_space: 128MiB
memtable_offheap_space: 64MiB
# without slabs a table costs what is in it; with them a MiB of heap each, and a schema per test is too much
memtable_allocation_type: unslabbed_heap_buffers
memtable_flush_writers: 1
commitlog_segment_size: 16MiB
commitlog_total_space: 256MiB
key_cache_size: 8MiB
counter_cache_size: 4MiB
file_cache_size: 64MiB
networking_cache_size: 32MiB
# some hundred statements of a node, times a keyspace per test: those that are thrown out are prepared in turns for ever
prepared_statements_cache_size: 96MiB
# patience on a loaded machine
read_request_timeout: 10s
range_request_timeout: 10s
write_request_timeout: 10s
counter_write_request_timeout: 10s
cas_contention_timeout: 5s
truncate_request_timeout: 60s
request_timeout: 20s
# ScyllaDB's defaults; Cassandra's are 5 and 50 KiB
batch_size_warn_threshold: 128KiB
batch_size_fail_threshold: 1024KiB
SETTINGS
}
launch_cassandra() {
  local dir=$DATA/cassandra agent="-javaagent:$HERE/cassandra/lib/jamm-0.4.0.jar" schema='' opened=() package
  must_be_free "$CQL_PORT" $((CQL_PORT + 1)) || return
  [[ -z $DUMP ]] || agent=''   # no archive is written with an agent
  [[ -z ${SVC_STEADY:-} ]] || schema=-Dcassandra.test.flush_local_schema_changes=false
  mkdir -p "$dir/log" "$dir/tmp" "$dir/conf/triggers"
  cassandra_settings >"$dir/conf/cassandra.yaml"
  cat >"$dir/conf/logback.xml" <<XML
<configuration>
  <appender name="F" class="ch.qos.logback.core.FileAppender"><file>$dir/log/system.log</file>
    <encoder><pattern>%-5level [%thread] %date{ISO8601} %F:%L - %msg%n</pattern></encoder></appender>
  <root level="INFO"><appender-ref ref="F"/></root>
</configuration>
XML
  for package in java.base/jdk.internal.misc java.management.rmi/com.sun.jmx.remote.internal.rmi java.rmi/sun.rmi.registry \
    java.rmi/sun.rmi.server java.sql/java.sql java.base/java.lang.ref jdk.unsupported/sun.misc \
    jdk.compiler/com.sun.tools.javac.file jdk.attach/sun.tools.attach; do opened+=(--add-exports "$package=ALL-UNNAMED"); done
  for package in java.base/java.{lang,lang.module,lang.reflect,io,util} java.base/sun.nio.ch \
    java.base/jdk.internal.{loader,ref,reflect,math,module,util.jar} jdk.management/com.sun.management.internal \
    jdk.compiler/com.sun.tools.javac; do opened+=(--add-opens "$package=ALL-UNNAMED"); done
  # Skipped at the start: gossip with nobody, the ring's delay, measuring rows. Skipped at the end: farewells.
  # shellcheck disable=SC2046,SC2086
  spawn cassandra "$JAVA" -Xms256m -Xmx"$CASS_HEAP" -Xss256k -XX:+UseG1GC -XX:MaxGCPauseMillis=50 -XX:+ExitOnOutOfMemoryError \
    -XX:-UsePerfData -XX:MaxDirectMemorySize=256m $SVC_JIT $(archive cassandra) $agent -Djdk.attach.allowAttachSelf=true "${opened[@]}" \
    -Dio.netty.tryReflectionSetAccessible=true -Dio.netty.allocator.useCacheForAllThreads=true -Dio.netty.allocator.maxOrder=11 \
    -Djava.awt.headless=true -Djava.io.tmpdir="$dir/tmp" -Dcassandra-foreground=yes \
    -Dcassandra.config="file://$dir/conf/cassandra.yaml" -Dlogback.configurationFile="file:$dir/conf/logback.xml" \
    -Dcassandra.storagedir="$dir/data" -Dcassandra.logdir="$dir/log" -Dcassandra.triggers_dir="$dir/conf/triggers" \
    -Dcassandra.skip_wait_for_gossip_to_settle=0 -Dcassandra.ring_delay_ms=0 -Dcassandra.superuser_setup_delay_ms=0 \
    -Dcassandra.memtable.row_overhead_size=180 -Dcassandra.skip_sync=true $schema \
    -Dcassandra.shutdown_announce_in_ms=0 -Dcassandra.test.messagingService.nonGracefulShutdown=true \
    -cp "$(classpath "$HERE"/cassandra/lib/*.jar)" org.apache.cassandra.service.CassandraDaemon
}
probe_cassandra() ( # OPTIONS is answered with SUPPORTED
  exec 2>/dev/null 7<>"/dev/tcp/127.0.0.1/$CQL_PORT" || exit 1
  printf '\004\0\0\0\005\0\0\0\0' >&7
  [[ $(timeout 2 head -c 5 <&7 | od -An -tx1 | tr -d ' \n') == 8400000006 ]]
)
