import type { Scenario } from "../bench.ts";
import { busy } from "./busy.ts";
import { codec } from "./codec.ts";
import { durable } from "./durable.ts";
import { freshness } from "./freshness.ts";
import { memory } from "./memory.ts";
import { push } from "./push.ts";
import { replicas } from "./replicas.ts";
import { restart } from "./restart.ts";
import { scrape } from "./scrape.ts";

/** In the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [
  push,
  durable,
  scrape,
  busy,
  memory,
  restart,
  replicas,
  freshness,
  codec,
];
