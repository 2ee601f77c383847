//! Projects of any size for benchmarks: the same work for the same number, on any machine.
//!
//! A definition is 2.4 kB and 75 lines, as large as a careful team's: schedule, time zone, image,
//! resources, node selector, three variables, two secrets, and a workflow with filters. Some values
//! (`on`, `0123`, `22:30`) change their type in YAML 1.1 when a writer leaves off the quotes.

use std::fmt::Write as _;
use std::path::Path;

/// The file with what the pipelines have in common.
pub(crate) const PROJECT: &str = "\
apiVersion: pipelines.openmetadata.org/v1alpha1
kind: IngestionProject
metadata:
  name: bench
spec:
  openMetadata:
    hostPort: http://openmetadata:8585/api
    authProvider: openmetadata
    securityConfig:
      jwtToken: {secretKeyRef: {name: openmetadata-bot, key: token}}
    storeServiceConnection: true
    verifySSL: no-ssl
  kubernetes:
    namespace: openmetadata
    serviceAccountName: openmetadata-ingestion
";

/// One pipeline's definition.
pub(crate) fn pipeline(i: usize) -> String {
    const SOURCES: [(&str, &str, u16); 5] = [
        ("mysql", "Mysql", 3306),
        ("postgres", "Postgres", 5432),
        ("snowflake", "Snowflake", 443),
        ("redshift", "Redshift", 5439),
        ("mssql", "Mssql", 1433),
    ];
    const TYPES: [&str; 5] = ["metadata", "usage", "lineage", "profiler", "autoClassification"];
    const ZONES: [&str; 5] =
        ["UTC", "Europe/Rome", "America/New_York", "Asia/Tokyo", "Australia/Sydney"];
    let (source, connector, port) = SOURCES[i % 5];
    let kind = TYPES[i % 5];
    let service = format!("{source}-team-{}", i % 37);
    let mut text = String::with_capacity(2600);
    let _ = write!(
        text,
        "\
apiVersion: pipelines.openmetadata.org/v1alpha1
kind: IngestionPipeline
metadata:
  name: {source}-{lower}-{i:05}
spec:
  description: 'Ingest: {kind} of \"{service}\" (definition #{i})'
  type: {kind}
  schedule: {minute} {hour} * * {days}
  timeZone: {zone}
  kubernetes:
    ingestionImage: openmetadata/ingestion-base:1.{minor}.{patch}
    resources:
      requests:
        cpu: {cpu}m
        memory: {memory}Mi
      limits:
        cpu: \"{cpus}\"
        memory: {memory_limit}Gi
    nodeSelector:
      kubernetes.io/os: linux
      pool: ingest-{pool}
    extraEnvVars:
      - name: LOG_LEVEL
        value: {level}
      - name: FEATURE_FLAG
        value: \"{flag}\"
      - name: BATCH
        value: \"{batch}\"
  workflow:
    source:
      type: {source}
      serviceName: {service}
      serviceConnection:
        config:
          type: {connector}
          username: om_reader_{user}
          authType:
            password: {{secretKeyRef: {{name: {service}, key: password}}}}
          hostPort: {source}-{host}.db.internal:{port}
          databaseSchema: schema_{schema}
          connectionOptions:
            connect_timeout: \"30\"
            application_name: openmetadata
          supportsMetadataExtraction: true
          supportsProfiler: {even}
      sourceConfig:
        config:
          type: DatabaseMetadata
          markDeletedTables: true
          includeTables: true
          includeViews: {views}
          includeTags: false
          threads: {threads}
          databaseFilterPattern:
            includes:
              - ^db_{database}$
          schemaFilterPattern:
            includes:
              - ^prod_.*
              - ^mart_{mart}$
            excludes:
              - ^tmp_\\d+$
              - information_schema
          tableFilterPattern:
            excludes:
              - .*_bak$
              - .*\\.old$
              - ^#sql.*
    sink:
      type: metadata-rest
      config: {{}}
    workflowConfig:
      loggerLevel: {level}
      raiseOnError: true
      successThreshold: 90
",
        lower = kind.to_lowercase(),
        minute = i % 60,
        hour = i % 24,
        days = ["*", "1-5", "0"][i % 3],
        zone = ZONES[i % 5],
        minor = 8 + i % 3,
        patch = i % 7,
        cpu = 100 + 50 * (i % 5),
        memory = 256 * (1 + i % 4),
        cpus = 1 + i % 3,
        memory_limit = 1 + i % 4,
        pool = i % 4,
        level = ["INFO", "DEBUG", "WARN"][i % 3],
        flag = ["on", "no", "true"][i % 3],
        batch = ["1e3", "0123", "22:30"][i % 3],
        user = i % 100,
        host = i % 211,
        schema = i % 53,
        even = i.is_multiple_of(2),
        views = !i.is_multiple_of(3),
        threads = 1 + i % 8,
        database = i % 19,
        mart = i % 11,
    );
    text
}

/// Writes a project of `count` pipelines, a file each.
pub(crate) fn write(folder: &Path, count: usize) -> std::io::Result<()> {
    std::fs::create_dir_all(folder.join("pipelines"))?;
    std::fs::write(folder.join("ompipe.yaml"), PROJECT)?;
    for i in 0..count {
        std::fs::write(folder.join(format!("pipelines/p{i:06}.yaml")), pipeline(i))?;
    }
    Ok(())
}
