import type { Answer, Client } from "../support/client.ts";
import { bodyOf, canonicalScrape, type Operation, type Outcome, pathOf, type WriteRequest } from "./operation.ts";

/** Sends operations and remembers them with their times and outcomes. */
export class Recorder {
  readonly history: Operation[] = [];
  #lastId = 0;

  /** @param replica which one the client speaks to */
  async write(client: Client, replica: number, request: WriteRequest): Promise<Operation> {
    const id = ++this.#lastId;
    const push = { body: bodyOf(request, id) };
    const method = { replace: "PUT", merge: "POST", delete: "DELETE" }[request.kind];
    const invoked = performance.now();
    const outcome = await client
      .request(method, pathOf(request.group), request.kind === "delete" ? {} : push)
      .then(outcomeOf, outcomeOfFailure);
    return this.#keep({ id, request, replica, invoked, returned: performance.now(), outcome });
  }

  async scrape(client: Client, replica: number): Promise<Operation> {
    const id = ++this.#lastId;
    const invoked = performance.now();
    const answer = await client.request("GET", "/metrics?collect[]=pushed").catch(() => undefined);
    const times = { invoked, returned: performance.now() };
    const request = { kind: "scrape" } as const;
    if (answer?.status !== 200) return this.#keep({ id, request, replica, ...times, outcome: "unknown" });
    const outcome = answer.headers["x-waystation-state-age-seconds"] === undefined ? "done" : "stale";
    return this.#keep({ id, request, replica, ...times, outcome, observed: canonicalScrape(answer.text) });
  }

  /** How many operations had which outcome. */
  count(outcome: Outcome, kind: "write" | "scrape"): number {
    return this.history.filter(
      (operation) => operation.outcome === outcome && (operation.request.kind === "scrape") === (kind === "scrape"),
    ).length;
  }

  /** One line for people. */
  get summary(): string {
    const of = (kind: "write" | "scrape", ...outcomes: Outcome[]) =>
      outcomes.map((outcome) => `${this.count(outcome, kind)} ${outcome}`).join(", ");
    return (
      `${this.history.length} operations: writes ${of("write", "done", "rejected", "refused", "unknown")}; ` +
      `scrapes ${of("scrape", "done", "stale", "unknown")}; longest time without an acknowledged write ${this.#longestGap} ms`
    );
  }

  /** Of all clients together, in milliseconds. */
  get #longestGap(): number {
    const acknowledged = this.history.filter(({ request, outcome }) => request.kind !== "scrape" && outcome === "done");
    const times = acknowledged.map(({ returned }) => returned);
    return Math.round(Math.max(0, ...times.slice(1).map((time, i) => time - times[i]!)));
  }

  #keep(operation: Operation): Operation {
    this.history.push(operation);
    return operation;
  }
}

/** Nothing was sent over a connection that there never was. */
function outcomeOfFailure(error: NodeJS.ErrnoException): Outcome {
  return error.code === "ECONNREFUSED" ? "refused" : "unknown";
}

function outcomeOf(answer: Answer): Outcome {
  switch (answer.status) {
    case 200:
    case 202:
      return "done";
    case 400:
      return "rejected";
    case 503:
      return answer.text.startsWith("this was not stored") ? "refused" : "unknown";
    default:
      return "unknown";
  }
}
