import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import type { Answer, Case, Step } from "./case.ts";
import type { GatewayProcess } from "./gateway-process.ts";
import { exchange } from "./http/exchange.ts";
import { requestBytes } from "./http/request.ts";
import { Normaliser } from "./normalise.ts";
import { observe } from "./observe.ts";

/** How often a look at the state is repeated while it is not as expected: the Go Pushgateway answers deletes before doing them. */
const LOOKS = 5;
const PAUSE = 20;

export interface Mismatch {
  readonly step: Step;
  readonly expected: Answer;
  readonly actual: Answer;
}

/** Runs a case from an empty gateway on and returns what each step showed. */
export async function recordCase(testCase: Case, gateway: GatewayProcess): Promise<Answer[]> {
  await wipe(gateway);
  const normaliser = new Normaliser();
  const answers: Answer[] = [];
  for (const step of testCase.steps) {
    const answer = await observe(step, gateway.port, normaliser);
    answers.push(answer);
    // Accepted means "will be done".
    if (answer.status === 202) await sleep(PAUSE);
  }
  return answers;
}

/** Runs a case and compares each answer with the expected one; resolves with the first that differs. */
export async function checkCase(
  testCase: Case,
  gateway: GatewayProcess,
  recorded: readonly Answer[],
): Promise<Mismatch | undefined> {
  await wipe(gateway);
  const normaliser = new Normaliser();
  for (const [index, step] of testCase.steps.entries()) {
    const expected = step.differs?.answer ?? recorded[index] ?? {};
    const actual = await look(step, gateway, normaliser, expected);
    if (!isDeepStrictEqual(actual, expected)) return { step, expected, actual };
  }
  return undefined;
}

async function look(step: Step, gateway: GatewayProcess, normaliser: Normaliser, expected: Answer): Promise<Answer> {
  const looks = step.kind === "scrape" || step.kind === "query" ? LOOKS : 1;
  for (let count = 1; ; count++) {
    // A repeated look must see the times as the first did.
    const attempt = normaliser.copy();
    const actual = await observe(step, gateway.port, attempt);
    if (count === looks || isDeepStrictEqual(actual, expected)) {
      normaliser.adopt(attempt);
      return actual;
    }
    await sleep(PAUSE);
  }
}

async function wipe(gateway: GatewayProcess): Promise<void> {
  const request = requestBytes({ method: "PUT", target: "/api/v1/admin/wipe" }, gateway.port);
  const { answers } = await exchange(gateway.port, request);
  if (answers[0]?.status !== 202) throw new Error(`the gateway could not be wiped: status ${answers[0]?.status}`);
  await sleep(2);
}
