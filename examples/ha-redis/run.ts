/**
 * Two gateways behind HAProxy on one Redis, scraped by Prometheus, on this machine and without containers:
 *
 *   node examples/ha-redis/run.ts
 *
 * Needs redis-server and haproxy on the PATH, and prometheus if it is to scrape. Ends everything on Ctrl-C; nothing is kept.
 */
import { once } from "node:events";
import { isInstalled, Topology } from "./topology.ts";

const missing = ["redis-server", "haproxy"].filter((program) => !isInstalled(program));
if (missing.length > 0) {
  console.error(`Not on the PATH: ${missing.join(", ")}. On Debian: apt-get install ${missing.join(" ")}`);
  process.exit(1);
}
const prometheus = isInstalled("prometheus") ? "prometheus" : undefined;
await using topology = await Topology.start({
  ports: { haproxy: 9091, gateways: [9191, 9291], redis: 6391, prometheus: 9090 },
  programs: { redis: "redis-server", haproxy: "haproxy", prometheus },
});
console.log(`
Push to         ${topology.url}/metrics/job/example
The gateways    ${topology.ports.gateways.map((port) => `http://127.0.0.1:${port}`).join("  ")}
Prometheus      ${prometheus ? `http://127.0.0.1:${topology.ports.prometheus}` : "none: it is not on the PATH"}

Ctrl-C ends everything.
`);
await Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
