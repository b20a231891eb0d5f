import { type Attempt, connect, destroy } from "./connect.ts";
import type { HostPort } from "./options.ts";

/** All keys of a journal are in one slot, so a cluster is to it one server at a time: the primary of that slot. */
export class SlotFinder {
  /** The URL's nodes, which are asked even if no other knows them. */
  readonly #seeds: readonly HostPort[];
  /** Nodes to ask, the next one first: the URL's, and all that were heard of. */
  #nodes: HostPort[];

  constructor(seeds: readonly HostPort[]) {
    this.#seeds = seeds;
    this.#nodes = [...seeds];
  }

  /**
   * The primary of the slot, according to one node. After a failover a node may still name the old one; each call asks another node
   * first, so that repeated calls end with one who knows.
   */
  async find(attempt: Attempt): Promise<HostPort> {
    const asked = this.#nodes.shift()!;
    this.#nodes.push(asked);
    const node = await connect(attempt, "waystation-cluster", asked);
    try {
      const [slot, ranges] = await Promise.all([
        node.cluster("KEYSLOT", `{${attempt.settings.prefix}}`),
        node.cluster("SLOTS"),
      ]);
      return this.#learn(slot, parseSlots(ranges, asked));
    } finally {
      destroy(node);
    }
  }

  #learn(slot: number, ranges: readonly SlotRange[]): HostPort {
    const known = [...ranges.flatMap(({ nodes }) => nodes), ...this.#seeds];
    const unique = new Map([...this.#nodes, ...known].map((node) => [`${node.host} ${node.port}`, node]));
    // Nodes that are gone make room for those that are there; the URL's stay, in case that all others go.
    this.#nodes = [...unique.values()].filter((node) =>
      known.some(({ host, port }) => host === node.host && port === node.port),
    );
    const range = ranges.find(({ first, last }) => first <= slot && slot <= last);
    const primary = range?.nodes[0];
    if (primary === undefined) throw new Error(`slot ${slot} of this journal is not served: the Redis cluster is down`);
    return primary;
  }
}

interface SlotRange {
  readonly first: number;
  readonly last: number;
  /** The primary, then its replicas. */
  readonly nodes: readonly HostPort[];
}

/** Parses the reply of CLUSTER SLOTS: `[first, last, [host, port, id, …], …]` for each range. A node without a host is `asked`. */
function parseSlots(reply: unknown, asked: HostPort): SlotRange[] {
  return (reply as [number, number, ...[string | null, number][]][]).map(([first, last, ...nodes]) => ({
    first,
    last,
    nodes: nodes.map(([host, port]) => ({
      host: host === null || host === "" || host === "?" ? asked.host : host,
      port,
    })),
  }));
}
