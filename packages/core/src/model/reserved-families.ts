import type { ByteString } from "./byte-string.ts";
import type { MetricType } from "./metric-family.ts";
import { exposes, PARTS } from "./series-names.ts";

/**
 * Families that the gateway exposes about itself. A push may add series to one of them, as the Go implementation lets it, but only
 * with the same type.
 *
 * This is a table, not what the process happens to expose: what a push is answered must not depend on a replica's Node release or
 * on which of its metrics were used so far.
 */

const GAUGES = `
  go_gc_gogc_percent
  go_gc_gomemlimit_bytes
  go_goroutines
  go_info
  go_memstats_alloc_bytes
  go_memstats_buck_hash_sys_bytes
  go_memstats_gc_sys_bytes
  go_memstats_heap_alloc_bytes
  go_memstats_heap_idle_bytes
  go_memstats_heap_inuse_bytes
  go_memstats_heap_objects
  go_memstats_heap_released_bytes
  go_memstats_heap_sys_bytes
  go_memstats_last_gc_time_seconds
  go_memstats_mcache_inuse_bytes
  go_memstats_mcache_sys_bytes
  go_memstats_mspan_inuse_bytes
  go_memstats_mspan_sys_bytes
  go_memstats_next_gc_bytes
  go_memstats_other_sys_bytes
  go_memstats_stack_inuse_bytes
  go_memstats_stack_sys_bytes
  go_memstats_sys_bytes
  go_sched_gomaxprocs_threads
  go_threads
  nodejs_active_handles
  nodejs_active_handles_total
  nodejs_active_requests
  nodejs_active_requests_total
  nodejs_active_resources
  nodejs_active_resources_total
  nodejs_eventloop_lag_max_seconds
  nodejs_eventloop_lag_mean_seconds
  nodejs_eventloop_lag_min_seconds
  nodejs_eventloop_lag_p50_seconds
  nodejs_eventloop_lag_p90_seconds
  nodejs_eventloop_lag_p99_seconds
  nodejs_eventloop_lag_seconds
  nodejs_eventloop_lag_stddev_seconds
  nodejs_external_memory_bytes
  nodejs_heap_size_total_bytes
  nodejs_heap_size_used_bytes
  nodejs_heap_space_size_available_bytes
  nodejs_heap_space_size_total_bytes
  nodejs_heap_space_size_used_bytes
  nodejs_version_info
  process_heap_bytes
  process_max_fds
  process_open_fds
  process_resident_memory_bytes
  process_start_time_seconds
  process_virtual_memory_bytes
  process_virtual_memory_max_bytes
  pushgateway_build_info
`;

const COUNTERS = `
  go_memstats_alloc_bytes_total
  go_memstats_frees_total
  go_memstats_mallocs_total
  process_cpu_seconds_total
  process_cpu_system_seconds_total
  process_cpu_user_seconds_total
  process_network_receive_bytes_total
  process_network_transmit_bytes_total
  pushgateway_http_requests_total
`;

const SUMMARIES = `
  go_gc_duration_seconds
  pushgateway_http_push_duration_seconds
  pushgateway_http_push_size_bytes
`;

const HISTOGRAMS = `
  nodejs_gc_duration_seconds
`;

const TYPES = new Map<ByteString, MetricType>([
  ...names(GAUGES).map((name) => [name, "gauge"] as const),
  ...names(COUNTERS).map((name) => [name, "counter"] as const),
  ...names(SUMMARIES).map((name) => [name, "summary"] as const),
  ...names(HISTOGRAMS).map((name) => [name, "histogram"] as const),
]);

function names(list: string): string[] {
  return list.trim().split(/\s+/);
}

/** The family of the gateway's own that is exposed under this name, be it only as one of its series. */
export function findOwnFamily(name: ByteString): { readonly name: ByteString; readonly type: MetricType } | undefined {
  const type = TYPES.get(name);
  if (type !== undefined) return { name, type };
  for (const part of PARTS) {
    if (!name.endsWith(part)) continue;
    const whole = name.slice(0, -part.length);
    const wholeType = TYPES.get(whole);
    if (wholeType !== undefined && exposes(wholeType, part)) return { name: whole, type: wholeType };
  }
  return undefined;
}

/** The first bytes of all names in the table: others need not be looked up. */
export const OWN_FIRST_BYTES: ReadonlySet<number> = new Set([...TYPES.keys()].map((name) => name.charCodeAt(0)));
