import { decodeDelimited, isWaystationError, type MetricFamily, WaystationError } from "@waystation/core";
import { type ListedGroup, readListing } from "./gateway-listing.ts";

export interface GatewayClientOptions {
  /** Path of the gateway's metrics below its address. Default: `/metrics`. */
  readonly telemetryPath?: string;
  /** How long each request may take, in milliseconds. Default: 60,000. */
  readonly timeout?: number;
  readonly signal?: AbortSignal;
}

const PROTOBUF = "application/vnd.google.protobuf";
const ACCEPT = `${PROTOBUF};proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8`;

/** The two requests that a migration makes, and what their failures mean to somebody who migrates. */
export class GatewayClient {
  readonly #listing: URL;
  readonly #metrics: URL;
  readonly #headers: Record<string, string> = {};
  readonly #timeout: number;
  readonly #signal: AbortSignal | undefined;

  constructor(address: string, { telemetryPath = "/metrics", timeout = 60_000, signal }: GatewayClientOptions) {
    const url = URL.parse(address);
    if (url === null || !/^https?:$/.test(url.protocol)) {
      throw new WaystationError(
        "CONFIG",
        `${JSON.stringify(address)} is not the address of a gateway, as in http://old:9091`,
      );
    }
    if (url.username !== "" || url.password !== "") this.#headers["Authorization"] = basicAuthorization(url);
    const root = url.origin + url.pathname.replace(/(?<!\/)\/+$/, "");
    this.#listing = new URL(`${root}/api/v1/metrics`);
    this.#metrics = new URL(`${root}/${telemetryPath.replace(/^\/+/, "")}`);
    this.#timeout = timeout;
    this.#signal = signal;
  }

  async list(): Promise<ListedGroup[]> {
    const body = await this.#get(this.#listing, "application/json");
    try {
      return readListing(JSON.parse(body.toString()));
    } catch (error) {
      if (isWaystationError(error)) throw error;
      throw new WaystationError("PARSE", `${this.#listing} does not answer with JSON`, { cause: error });
    }
  }

  async scrape(): Promise<MetricFamily[]> {
    const body = await this.#get(this.#metrics, ACCEPT);
    try {
      return decodeDelimited(body);
    } catch (error) {
      if (!isWaystationError(error, "PARSE")) throw error;
      throw new WaystationError("PARSE", `cannot read ${this.#metrics}: ${error.message}`, { cause: error });
    }
  }

  async #get(url: URL, accept: string): Promise<Buffer> {
    const timeout = AbortSignal.timeout(this.#timeout);
    const signal = this.#signal === undefined ? timeout : AbortSignal.any([this.#signal, timeout]);
    try {
      const response = await fetch(url, { headers: { ...this.#headers, Accept: accept }, signal });
      const body = Buffer.from(await response.arrayBuffer());
      if (response.status !== 200) throw this.#refused(url, response.status, body);
      const type = response.headers.get("content-type") ?? "no type";
      if (!type.startsWith(accept.split(";", 1)[0]!)) {
        throw new WaystationError("UNSUPPORTED", `${url} answers with ${type}: it is no Pushgateway's`);
      }
      return body;
    } catch (error) {
      this.#signal?.throwIfAborted();
      if (isWaystationError(error)) throw error;
      const reason = timeout.aborted ? `no complete answer in ${this.#timeout} ms` : reasonOf(error);
      throw new WaystationError("UNAVAILABLE", `cannot read ${url}: ${reason}`, { cause: error });
    }
  }

  #refused(url: URL, status: number, body: Buffer): WaystationError {
    if (status === 404 && url === this.#listing) {
      return new WaystationError(
        "UNSUPPORTED",
        `${url} does not exist: the address lacks a route prefix, or the gateway is older than 1.2 (import its persistence file)`,
      );
    }
    const remedy =
      status === 401
        ? ": give user and password in the address"
        : status === 500 && url === this.#metrics
          ? ": it holds contradictory metrics that it cannot expose itself; import its persistence file instead"
          : "";
    const text = body.toString().replace(/\s+/g, " ").trim().slice(0, 200);
    return new WaystationError("UNAVAILABLE", `${url} answers ${status}${remedy}${text === "" ? "" : ` (${text})`}`);
  }
}

/** User and password as RFC 7617 has them. In an address, special characters of theirs are percent-encoded. */
function basicAuthorization({ username, password }: URL): string {
  try {
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    return `Basic ${Buffer.from(credentials).toString("base64")}`;
  } catch (error) {
    const remedy = "write a % of user or password in the gateway's address as %25";
    throw new WaystationError("CONFIG", remedy, { cause: error });
  }
}

/** `fetch` says only "fetch failed"; the reason is in its cause. */
function reasonOf(error: unknown): string {
  const { cause = error } = error as Error;
  return cause instanceof Error
    ? cause.message || ((cause as NodeJS.ErrnoException).code ?? cause.name)
    : String(cause);
}
