import { Agent, type IncomingHttpHeaders, request } from "node:http";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface RequestOptions {
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds until the request is given up. Default: 20,000. */
  readonly timeout?: number;
}

/** Speaks to one port, over connections that stay open. */
export class Client {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 256 });
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  /** Rejects if there is no answer, or not all of it. */
  request(method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
    const { body, headers, timeout = 20_000 } = options;
    return new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { "Content-Length": String(Buffer.byteLength(body)) };
      const req = request({
        host: "127.0.0.1",
        port: this.#port,
        agent: this.#agent,
        method,
        path,
        headers: { ...length, ...headers },
        signal: AbortSignal.timeout(timeout),
      });
      req.on("error", reject);
      req.on("response", (res) => {
        let text = "";
        res.setEncoding("utf8");
        res.on("data", (chunk: string) => (text += chunk));
        res.on("error", reject);
        res.on("close", () => {
          if (res.complete) resolve({ status: res.statusCode!, headers: res.headers, text });
          else reject(new Error("the connection was lost within the answer"));
        });
      });
      req.end(body);
    });
  }

  /** What was pushed, as bytes that do not depend on how they were compressed. */
  async scrapePushed(): Promise<string> {
    const { status, text } = await this.request("GET", "/metrics?collect[]=pushed");
    if (status !== 200) throw new Error(`scrape: ${status} ${text}`);
    return text;
  }

  close(): void {
    this.#agent.destroy();
  }
}
