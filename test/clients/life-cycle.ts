import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { GatewayProcess } from "../../conformance/src/gateway-process.ts";
import { startGateway } from "../support/gateway.ts";
import { runProgram } from "../support/programs.ts";

/** What every client program here can do: push (PUT), push further metrics (POST) and delete the group. */
export type Action = "push" | "add" | "delete";

export interface ClientLifeCycle {
  /** Why it cannot run here, or false. */
  readonly skip: string | false;
  /** Runs once before; for clients that have to be compiled. */
  readonly prepare?: () => Promise<void>;
  /** The command that carries out an action. */
  readonly command: (gateway: GatewayProcess, action: Action) => readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Samples of the families `client_…` after a push; afterwards `client_added` comes to them, then all are deleted. */
  readonly samples: readonly string[];
  /** The labels of the group, as in a sample. */
  readonly group: string;
}

/** Registers the tests of a client: each action is carried out by the real client, and the exposition is what it should be. */
export function testClient(name: string, { skip, prepare, command, env, samples, group }: ClientLifeCycle): void {
  let gateway: GatewayProcess;
  before(async () => {
    if (skip !== false) return;
    gateway = await startGateway();
    await prepare?.();
  });
  after(() => gateway?.stop());

  const act = async (action: Action) => {
    const [program, ...args] = command(gateway, action);
    const { code, stdout, stderr } = await runProgram(program!, args, env ? { env } : {});
    assert.equal(code, 0, stdout + stderr);
  };
  const exposed = async () => {
    const response = await fetch(`${gateway.url}/metrics`);
    return (await response.text())
      .split("\n")
      .filter((line) => line.startsWith("client_") && !/_created[{ ]/.test(line));
  };

  test(`${name}: a push replaces the group`, { skip }, async () => {
    await fetch(`${gateway.url}/metrics/job/other`, { method: "PUT", body: "client_of_another_job 1\n" });
    await act("push");
    assert.deepEqual(
      await exposed(),
      ['client_of_another_job{instance="",job="other"} 1', ...samples].toSorted(bySample),
    );
    await act("push");
    assert.deepEqual(
      await exposed(),
      ['client_of_another_job{instance="",job="other"} 1', ...samples].toSorted(bySample),
    );
  });

  test(`${name}: an addition keeps what it does not name`, { skip }, async () => {
    await act("add");
    const all = ['client_of_another_job{instance="",job="other"} 1', `client_added{${group}} 2`, ...samples];
    assert.deepEqual(await exposed(), all.toSorted(bySample));
  });

  test(`${name}: a deletion takes away the group, and only that`, { skip }, async () => {
    await act("delete");
    assert.deepEqual(await exposed(), ['client_of_another_job{instance="",job="other"} 1']);
  });
}

/** By family; the samples of a family stay as they are. */
function bySample(a: string, b: string): number {
  const [familyA, familyB] = [a, b].map((line) => line.replace(/(_bucket|_sum|_count)?[{ ].*/, ""));
  return familyA! < familyB! ? -1 : familyA! > familyB! ? 1 : 0;
}
