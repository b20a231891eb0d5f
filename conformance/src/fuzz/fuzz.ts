import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { type Answer, query, type Step, scrape, send } from "../case.ts";
import { describeMismatch, describeStep } from "../describe.ts";
import { GatewayProcess } from "../gateway-process.ts";
import { PROTOBUF_TYPE } from "../http/request.ts";
import { Normaliser } from "../normalise.ts";
import { observe } from "../observe.ts";
import { sequences } from "./sequences.ts";

export interface FuzzOptions {
  /** Command of the gateway that is right by definition. */
  readonly peer: string;
  readonly candidate: string;
  /** How many sequences. */
  readonly runs: number;
  /** Of an earlier run, to repeat it. Default: the time. */
  readonly seed?: number;
}

const WIPE = send("PUT", "/api/v1/admin/wipe");
const LOOK = scrape({ ordered: false });
/** In the end the state is looked at in every form. */
const LAST_LOOKS = [scrape({ headers: { Accept: PROTOBUF_TYPE } }), query("metrics")];
/** A look is repeated so often while the two differ, since deletes may be carried out after they were answered. */
const LOOKS = 5;

/**
 * Sends random sequences to both gateways and compares what they show after every step, and in the end in protobuf and JSON too. Rejects with the shortest sequence found that
 * tells them apart, and the seed.
 */
export async function fuzz({ peer, candidate, runs, seed = Date.now() }: FuzzOptions): Promise<void> {
  console.log(`${runs} random sequences, seed ${seed}`);
  await using gateways = new Pair(await Promise.all([GatewayProcess.start(peer), GatewayProcess.start(candidate)]));
  let done = 0;
  const property = fc.asyncProperty(sequences, async (steps) => {
    await gateways.compare(steps);
    done += 1;
    if (done % 500 === 0) console.log(`${done} sequences were the same`);
  });
  await fc.assert(property, { numRuns: runs, seed });
}

class Pair implements AsyncDisposable {
  readonly #gateways: readonly GatewayProcess[];

  constructor(gateways: readonly GatewayProcess[]) {
    this.#gateways = gateways;
  }

  async compare(steps: readonly Step[]): Promise<void> {
    const normalisers = this.#gateways.map(() => new Normaliser());
    await this.#both(WIPE, normalisers);
    for (const [index, step] of steps.entries()) {
      this.#expectSame(steps, index, step, await this.#both(step, normalisers));
      this.#expectSame(steps, index, LOOK, await this.#look(LOOK, normalisers));
      // The times of two pushes differ visibly only if the clock has moved on.
      await sleep(1);
    }
    for (const look of LAST_LOOKS) {
      this.#expectSame(steps, steps.length, look, await this.#look(look, normalisers));
    }
  }

  #both(step: Step, normalisers: readonly Normaliser[]): Promise<Answer[]> {
    return Promise.all(this.#gateways.map((gateway, at) => observe(step, gateway.port, normalisers[at]!)));
  }

  async #look(step: Step, normalisers: readonly Normaliser[]): Promise<Answer[]> {
    for (let look = 1; ; look++) {
      // A repeated look must see the times as the first did.
      const attempt = normalisers.map((normaliser) => normaliser.copy());
      const answers = await this.#both(step, attempt);
      if (look === LOOKS || isDeepStrictEqual(answers[0], answers[1])) {
        for (const [at, normaliser] of normalisers.entries()) normaliser.adopt(attempt[at]!);
        return answers;
      }
      await sleep(10);
    }
  }

  #expectSame(steps: readonly Step[], index: number, step: Step, [expected, actual]: readonly Answer[]): void {
    if (isDeepStrictEqual(expected, actual)) return;
    const before = steps
      .slice(0, index + 1)
      .map(describeStep)
      .join("\n");
    throw new Error(
      `after\n${before}\nthey differ in\n${describeMismatch({ step, expected: expected!, actual: actual! })}`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#gateways.map((gateway) => gateway.stop()));
  }
}
