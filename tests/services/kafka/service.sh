# Kafka as one KRaft node, for services.sh.
KAFKA_HEAP=${KAFKA_HEAP:-512m}

kafka_classpath() { classpath "$HERE"/kafka/lib/*.jar; }
kafka_settings() { # kafka_settings DATA_DIR
  cat <<SETTINGS
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((KAFKA_PORT + 1))
listeners=PLAINTEXT://127.0.0.1:$KAFKA_PORT,CONTROLLER://127.0.0.1:$((KAFKA_PORT + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$KAFKA_PORT
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$1
# a topic whose name is mistyped must fail
auto.create.topics.enable=false
num.partitions=1
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
# groups, of either protocol, are quick to form and to notice a death
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.session.timeout.ms=6000
group.consumer.min.heartbeat.interval.ms=200
group.consumer.heartbeat.interval.ms=500
# a killed broker can come back only when its old session has run out; one that is never killed gets patience
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=$([[ -n ${SVC_STEADY:-} ]] && echo 30000 || echo 3000)
# small, also with thousands of partitions
num.network.threads=2
num.io.threads=4
background.threads=2
num.recovery.threads.per.data.dir=2
log.cleaner.dedupe.buffer.size=4194304
log.cleaner.io.buffer.size=131072
log.segment.bytes=67108864
log.index.size.max.bytes=262144
SETTINGS
}
kafka_logging() { # kafka_logging FILE
  cat <<XML
<Configuration status="WARN">
  <Appenders><File name="F" fileName="$1"><PatternLayout pattern="[%d] %p %m (%c{1})%n"/></File></Appenders>
  <Loggers>
    <Logger name="org.apache.kafka.common.config.AbstractConfig" level="WARN"/>
    <Root level="INFO"><AppenderRef ref="F"/></Root>
  </Loggers>
</Configuration>
XML
}
format_kafka() { # an empty log directory; it fits any port, and is copied for every new broker
  local dir=$HERE/kafka/formatted place
  rm -rf "$dir"; place=$(mktemp -d)
  kafka_settings "$dir" >"$place/server.properties"
  kafka_logging "$place/format.log" >"$place/log4j2.xml"
  "$JAVA" -Xmx128m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile="file:$place/log4j2.xml" -cp "$(kafka_classpath)" \
    kafka.tools.StorageTool format -t MkU3OEVBNTcwNTJENDM2Qk -c "$place/server.properties" >/dev/null
  rm -rf "$place"
}
launch_kafka() {
  local dir=$DATA/kafka
  must_be_free "$KAFKA_PORT" $((KAFKA_PORT + 1)) || return
  mkdir -p "$dir/log" "$dir/tmp"
  [[ -d $dir/data ]] || cp -r "$HERE/kafka/formatted" "$dir/data"
  kafka_settings "$dir/data" >"$dir/server.properties"
  kafka_logging "$dir/log/server.log" >"$dir/log4j2.xml"
  # shellcheck disable=SC2046,SC2086
  spawn kafka "$JAVA" -Xms128m -Xmx"$KAFKA_HEAP" -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:+ExitOnOutOfMemoryError -XX:-UsePerfData \
    $SVC_JIT $(archive kafka) -Djava.awt.headless=true -Djava.io.tmpdir="$dir/tmp" -Dlog4j2.configurationFile="file:$dir/log4j2.xml" \
    -cp "$(kafka_classpath)" kafka.Kafka "$dir/server.properties"
}
probe_kafka() ( # ApiVersions v0, which the broker answers once it is unfenced; the answer has our correlation id
  exec 2>/dev/null 7<>"/dev/tcp/127.0.0.1/$KAFKA_PORT" || exit 1
  printf '\0\0\0\012\0\022\0\0\0\0\0\001\377\377' >&7
  [[ $(timeout 2 head -c 8 <&7 | od -An -tx1 -j4 | tr -d ' \n') == 00000001 ]]
)
