import { COMMON_FLAGS, GatewayProcess } from "./gateway-process.ts";

/** Gateways of one command, one for each set of flags, started when first asked for. */
export class Gateways implements AsyncDisposable {
  readonly #command: string;
  readonly #started = new Map<string, Promise<GatewayProcess>>();

  constructor(command: string) {
    this.#command = command;
  }

  async with(flags: readonly string[] = []): Promise<GatewayProcess> {
    const key = flags.join(" ");
    const known = await this.#started.get(key);
    if (known?.running) return known;
    const started = GatewayProcess.start(this.#command, [...COMMON_FLAGS, ...flags]);
    this.#started.set(key, started);
    return started;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gateways = await Promise.allSettled(this.#started.values());
    await Promise.all(gateways.map((gateway) => gateway.status === "fulfilled" && gateway.value.stop()));
  }
}
