import { CodeBlock } from "../lib/code-block.tsx";
import { useAddress } from "../lib/use-address.ts";

/** What to do when nothing was pushed yet: with this gateway's own address, so that it works when it is pasted. */
export function EmptyState() {
  const { home, telemetryPath } = useAddress();
  const { host, pathname, protocol } = new URL(home);
  const metricsPath = pathname + telemetryPath;
  return (
    <section class="empty">
      <h1>Nothing has been pushed yet</h1>
      <p>
        Batch jobs push their metrics here when they are done; Prometheus scrapes them from here. This page follows
        live: try it from a terminal.
      </p>
      <h2>1. Push a metric</h2>
      <CodeBlock
        label="Push from a shell"
        text={`cat <<'EOF' | curl --data-binary @- ${home}metrics/job/backup/instance/db1
# HELP backup_last_success_timestamp_seconds When the backup last succeeded.
# TYPE backup_last_success_timestamp_seconds gauge
backup_last_success_timestamp_seconds ${Math.floor(Date.now() / 1000)}
# HELP backup_size_bytes Size of the newest backup.
# TYPE backup_size_bytes gauge
backup_size_bytes 4.2e9
EOF`}
      />
      <p>
        <code>job</code> and what follows it name the group. <code>POST</code>, as here, replaces metrics of the same
        names; <code>PUT</code> replaces the whole group; <code>DELETE</code> removes it.
      </p>
      <h2>2. Let Prometheus scrape it</h2>
      <CodeBlock
        label="prometheus.yml"
        text={`scrape_configs:
  - job_name: waystation
    honor_labels: true  # keeps job and instance as they were pushed
${protocol === "https:" ? "    scheme: https\n" : ""}${metricsPath === "/metrics" ? "" : `    metrics_path: ${metricsPath}\n`}    static_configs:
      - targets: ["${host}"]`}
      />
      <h2>3. Alert on what is missing</h2>
      <CodeBlock
        label="A PromQL expression for backups older than a day"
        text={`time() - push_time_seconds{job="backup"} > 86400`}
      />
    </section>
  );
}
