//! The reviewed table of renamed attributes.
//!
//! Sources: the schema file 1.44.0 of OpenTelemetry's semantic conventions (`schemas/1.44.0`, sections
//! `all`, `resources` and `spans`), and the deprecated attributes of the registry in the same repository, as
//! of November 2026. Both lie in `tests/fixtures/semconv`.
//!
//! Taken are renames of attributes of spans, resources and span events. Left out are
//!
//! - attributes that occur on metrics only, and names without a dot, which applications use for themselves;
//! - what depends on the span's kind (`net.peer.name` became `server.address` or `client.address`);
//! - what changed its value with its name (`db.system`: `mssql` became `microsoft.sql_server`), its type, or
//!   was split or merged with others;
//! - what the two sources disagree on (`net.sock.host.addr`).
//!
//! Every row of both sources is here, or in `review.rs` with the reason why not; a test compares them.

/// Old name, next newer name. Chains are followed by [`super::spellings`].
pub const RENAMES: &[(&str, &str)] = &[
    // HTTP, URL, user agent
    ("browser.user_agent", "user_agent.original"),
    ("http.client_ip", "client.address"),
    ("http.method", "http.request.method"),
    ("http.resend_count", "http.request.resend_count"),
    ("http.retry_count", "http.resend_count"),
    ("http.scheme", "url.scheme"),
    ("http.server_name", "server.address"),
    ("http.status_code", "http.response.status_code"),
    ("http.url", "url.full"),
    ("http.user_agent", "user_agent.original"),
    // Network. `net.host.*` was recorded on the server side only, where it is `server.*`.
    ("net.app.protocol.name", "net.protocol.name"),
    ("net.app.protocol.version", "net.protocol.version"),
    ("net.host.carrier.icc", "network.carrier.icc"),
    ("net.host.carrier.mcc", "network.carrier.mcc"),
    ("net.host.carrier.mnc", "network.carrier.mnc"),
    ("net.host.carrier.name", "network.carrier.name"),
    ("net.host.connection.subtype", "network.connection.subtype"),
    ("net.host.connection.type", "network.connection.type"),
    ("net.host.name", "server.address"),
    ("net.host.port", "server.port"),
    ("net.peer.ip", "net.sock.peer.addr"),
    ("net.protocol.name", "network.protocol.name"),
    ("net.protocol.version", "network.protocol.version"),
    ("net.sock.peer.addr", "network.peer.address"),
    ("net.sock.peer.port", "network.peer.port"),
    ("peer.service", "service.peer.name"),
    ("tls.client.server_name", "server.address"),
    // Databases. Some systems qualify `db.namespace` and `db.collection.name` further than their
    // predecessors were; both sources have them as renames.
    ("db.cassandra.consistency_level", "cassandra.consistency.level"),
    ("db.cassandra.coordinator.dc", "cassandra.coordinator.dc"),
    ("db.cassandra.coordinator.id", "cassandra.coordinator.id"),
    ("db.cassandra.idempotence", "cassandra.query.idempotent"),
    ("db.cassandra.keyspace", "db.name"),
    ("db.cassandra.page_size", "cassandra.page.size"),
    ("db.cassandra.speculative_execution_count", "cassandra.speculative_execution.count"),
    ("db.cassandra.table", "db.collection.name"),
    ("db.cosmosdb.client_id", "azure.client.id"),
    ("db.cosmosdb.connection_mode", "azure.cosmosdb.connection.mode"),
    ("db.cosmosdb.consistency_level", "azure.cosmosdb.consistency.level"),
    ("db.cosmosdb.container", "db.collection.name"),
    ("db.cosmosdb.regions_contacted", "azure.cosmosdb.operation.contacted_regions"),
    ("db.cosmosdb.request_charge", "azure.cosmosdb.operation.request_charge"),
    ("db.cosmosdb.request_content_length", "azure.cosmosdb.request.body.size"),
    ("db.cosmosdb.sub_status_code", "azure.cosmosdb.response.sub_status_code"),
    ("db.elasticsearch.cluster.name", "db.namespace"),
    ("db.elasticsearch.node.name", "elasticsearch.node.name"),
    ("db.hbase.namespace", "db.name"),
    ("db.mongodb.collection", "db.collection.name"),
    ("db.name", "db.namespace"),
    ("db.operation", "db.operation.name"),
    ("db.statement", "db.query.text"),
    // Messaging. The registry asks for the partition as a string; canonical text is one.
    ("messaging.client_id", "messaging.client.id"),
    ("messaging.consumer_id", "messaging.consumer.id"),
    ("messaging.conversation_id", "messaging.message.conversation_id"),
    ("messaging.destination", "messaging.destination.name"),
    ("messaging.destination_kind", "messaging.destination.kind"),
    ("messaging.eventhubs.consumer.group", "messaging.consumer.group.name"),
    ("messaging.kafka.client_id", "messaging.client_id"),
    ("messaging.kafka.consumer.group", "messaging.consumer.group.name"),
    ("messaging.kafka.consumer_group", "messaging.kafka.consumer.group"),
    ("messaging.kafka.destination.partition", "messaging.destination.partition.id"),
    ("messaging.kafka.message.offset", "messaging.kafka.offset"),
    ("messaging.kafka.message_key", "messaging.kafka.message.key"),
    ("messaging.kafka.partition", "messaging.kafka.destination.partition"),
    ("messaging.kafka.tombstone", "messaging.kafka.message.tombstone"),
    ("messaging.message.payload_size_bytes", "messaging.message.body.size"),
    ("messaging.message_id", "messaging.message.id"),
    ("messaging.message_payload_compressed_size_bytes", "messaging.message.payload_compressed_size_bytes"),
    ("messaging.message_payload_size_bytes", "messaging.message.payload_size_bytes"),
    ("messaging.protocol", "net.app.protocol.name"),
    ("messaging.protocol_version", "net.app.protocol.version"),
    ("messaging.rabbitmq.routing_key", "messaging.rabbitmq.destination.routing_key"),
    ("messaging.rocketmq.client_id", "messaging.client_id"),
    ("messaging.rocketmq.message_keys", "messaging.rocketmq.message.keys"),
    ("messaging.rocketmq.message_tag", "messaging.rocketmq.message.tag"),
    ("messaging.rocketmq.message_type", "messaging.rocketmq.message.type"),
    ("messaging.servicebus.destination.subscription_name", "messaging.destination.subscription.name"),
    ("messaging.temp_destination", "messaging.destination.temporary"),
    // Remote procedure calls. The registry renamed what the schema file's chain ends with.
    ("message.compressed_size", "rpc.message.compressed_size"),
    ("message.id", "rpc.message.id"),
    ("message.type", "rpc.message.type"),
    ("message.uncompressed_size", "rpc.message.uncompressed_size"),
    ("rpc.connect_rpc.error_code", "rpc.response.status_code"),
    ("rpc.jsonrpc.request_id", "jsonrpc.request.id"),
    ("rpc.jsonrpc.version", "jsonrpc.protocol.version"),
    ("rpc.response.status_code", "rpc.status_code"),
    // Code, processes, containers
    ("code.column", "code.column.number"),
    ("code.filepath", "code.file.path"),
    ("code.lineno", "code.line.number"),
    ("container.runtime", "container.runtime.name"),
    ("process.executable.build_id.profiling", "process.executable.build_id.htlhash"),
    // Deployment, version control, SDK
    ("deployment.environment", "deployment.environment.name"),
    ("otel.library.name", "otel.scope.name"),
    ("otel.library.version", "otel.scope.version"),
    ("telemetry.auto.version", "telemetry.distro.version"),
    ("vcs.repository.change.id", "vcs.change.id"),
    ("vcs.repository.change.title", "vcs.change.title"),
    ("vcs.repository.ref.name", "vcs.ref.head.name"),
    ("vcs.repository.ref.revision", "vcs.ref.head.revision"),
    ("vcs.repository.ref.type", "vcs.ref.head.type"),
    // Clouds and functions
    ("az.namespace", "azure.resource_provider.namespace"),
    ("az.service_request_id", "azure.service.request.id"),
    ("faas.execution", "faas.invocation_id"),
    ("faas.id", "cloud.resource_id"),
    // Feature flags, generative AI, mobile applications
    ("android.state", "android.app.state"),
    ("feature_flag.evaluation.error.message", "feature_flag.error.message"),
    ("feature_flag.evaluation.reason", "feature_flag.result.reason"),
    ("feature_flag.provider_name", "feature_flag.provider.name"),
    ("feature_flag.variant", "feature_flag.result.variant"),
    ("gen_ai.openai.request.seed", "gen_ai.request.seed"),
    ("gen_ai.openai.request.service_tier", "openai.request.service_tier"),
    ("gen_ai.openai.response.service_tier", "openai.response.service_tier"),
    ("gen_ai.openai.response.system_fingerprint", "openai.response.system_fingerprint"),
    ("gen_ai.usage.completion_tokens", "gen_ai.usage.output_tokens"),
    ("gen_ai.usage.prompt_tokens", "gen_ai.usage.input_tokens"),
    ("ios.state", "ios.app.state"),
];

/// Template attributes, whose last part is the user's: old prefix, new prefix.
pub const PREFIX_RENAMES: &[(&str, &str)] = &[
    ("container.labels.", "container.label."),
    ("db.elasticsearch.path_parts.", "db.operation.parameter."),
    ("k8s.pod.labels.", "k8s.pod.label."),
    ("rpc.connect_rpc.request.metadata.", "rpc.request.metadata."),
    ("rpc.connect_rpc.response.metadata.", "rpc.response.metadata."),
    ("rpc.grpc.request.metadata.", "rpc.request.metadata."),
    ("rpc.grpc.response.metadata.", "rpc.response.metadata."),
];
