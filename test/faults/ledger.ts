import assert from "node:assert/strict";
import type { GatewayChild } from "./gateway-child.ts";

interface Account {
  acknowledged: number | undefined;
  /** Sent after what was acknowledged, and of unknown fate. */
  doubtful: number[];
}

/** What clients were told about their pushes, to be compared with what is there. Each push of a group has a number of its own. */
export class Ledger {
  readonly #accounts = new Map<string, Account>();
  readonly #statuses = new Map<number, number>();
  #last = 0;

  /** What came of the pushes since this was last asked, by status; 0 is no answer. */
  takeStatuses(): Record<number, number> {
    const taken = Object.fromEntries(this.#statuses);
    this.#statuses.clear();
    return taken;
  }

  /** Pushes the next number to a group, to which nobody else must push meanwhile. Returns the status, 0 if no answer came. */
  async push(gateway: GatewayChild, group: string): Promise<number> {
    const account = this.#account(group);
    const number = ++this.#last;
    // Two families, so that a torn push would show, of more than a block.
    const body = `first{padding="${"x".repeat(5_000)}"} ${number}\nsecond ${number}\n`;
    const { status, text } = await gateway
      .request("PUT", `/metrics/job/${group}`, body)
      .catch(() => ({ status: 0, text: "" }));
    if (status === 200) {
      account.acknowledged = number;
      account.doubtful = [];
    } else if (status === 0 || /^this may or may not have been stored/.test(text)) {
      account.doubtful.push(number);
    } else {
      assert.equal(status, 503, text);
      assert.match(text, /^this was not stored, please repeat it/);
    }
    this.#statuses.set(status, (this.#statuses.get(status) ?? 0) + 1);
    return status;
  }

  /** What was acknowledged is there, or what was sent after it and may have been stored; nothing else is. */
  async check(gateway: GatewayChild, when: string): Promise<void> {
    const { status, text } = await gateway.request("GET", "/metrics?collect[]=pushed");
    assert.equal(status, 200, `${when}: ${text}`);
    const shown = new Map<string, number[]>();
    for (const [, job = "", value] of text.matchAll(/^(?:first|second)\{instance="",job="([^"]+)"[^}]*\} (\d+)$/gm)) {
      shown.set(job, [...(shown.get(job) ?? []), Number(value)]);
    }
    for (const [group, { acknowledged, doubtful }] of this.#accounts) {
      const [first, second] = shown.get(group) ?? [];
      const facts = `${when}, ${group}: ${first} is there, ${acknowledged} was acknowledged, then perhaps ${doubtful}`;
      assert.equal(first, second, `${facts}: torn`);
      assert.ok(first === acknowledged || (first !== undefined && doubtful.includes(first)), facts);
    }
  }

  #account(group: string): Account {
    let account = this.#accounts.get(group);
    if (account === undefined) {
      account = { acknowledged: undefined, doubtful: [] };
      this.#accounts.set(group, account);
    }
    return account;
  }
}
