import http from "node:http";
import type { AddressInfo } from "node:net";
import { Gateway, WaystationError } from "@waystation/core";
import { parseListenAddress } from "./config/flags.ts";
import type { Settings } from "./config/settings.ts";
import { redactUrl } from "./config/settings.ts";
import { createApp } from "./create-app.ts";
import { answerClientError } from "./http/client-error.ts";
import { systemdSockets } from "./http/systemd-sockets.ts";
import type { Logger } from "./logging.ts";
import { createJournal } from "./storage.ts";
import { VERSION } from "./version.ts";

export interface StartOptions {
  readonly settings: Settings;
  readonly logger: Logger;
}

export interface RunningServer {
  readonly gateway: Gateway;
  /** Where it listens, in the order of the flags; `port` is the actual one where 0 was asked for. */
  readonly addresses: readonly AddressInfo[];
  /** Answers what is under way, then closes the gateway and its journal. May be called often. */
  stop(): Promise<void>;
  /** Resolves after `stop`, whoever called it; rejects if the journal could not be closed cleanly. */
  readonly stopped: Promise<void>;
}

/** How long requests under way may take after `stop`, milliseconds; then their connections are cut. */
const DRAIN_MS = 5_000;

/** Above the idle time-outs of common load balancers (60 s), so that it is they who close idle connections. */
const KEEP_ALIVE_MS = 75_000;

const MAX_HEADER_BYTES = 2 ** 20;

/**
 * Opens the storage, listens, serves.
 *
 * @throws `CONFIG`, and what the journal's `open` and the gateway's `open` throw; nothing is left open then
 */
export async function startServer({ settings, logger }: StartOptions): Promise<RunningServer> {
  logger.info(
    { version: VERSION, node: process.version, storage: redactUrl(settings.storageUrl) },
    "starting waystation",
  );
  const journal = await createJournal(settings.storageUrl);
  const gateway = await Gateway.open({
    journal,
    utf8Names: settings["push.enable-utf8-names"],
    checkConsistency: !settings["push.disable-consistency-check"],
  });

  let stopping: Promise<void> | undefined;
  const { promise: stopped, resolve, reject } = Promise.withResolvers<void>();
  const stop = (): Promise<void> => {
    stopping ??= stopAll(servers, gateway, logger).then(resolve, reject);
    return stopping;
  };
  const app = createApp({
    gateway,
    settings,
    logger,
    isStopping: () => stopping !== undefined,
    stop: () => void stop(),
  });
  const handle = app.callback();
  const servers: http.Server[] = [];
  try {
    for (const target of listenTargets(settings)) {
      const server = createHttpServer(handle);
      servers.push(server);
      await listen(server, target);
      logger.info({ address: describeAddress(server) }, "listening");
    }
  } catch (error) {
    await stopAll(servers, gateway, logger);
    throw error;
  }
  return { gateway, addresses: servers.map((server) => server.address() as AddressInfo), stop, stopped };
}

function createHttpServer(handle: http.RequestListener): http.Server {
  const server = http.createServer({ maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: KEEP_ALIVE_MS }, handle);
  server.on("clientError", answerClientError);
  return server;
}

type ListenTarget = { host?: string; port: number } | { fd: number };

function listenTargets(settings: Settings): ListenTarget[] {
  if (settings["web.systemd-socket"]) return systemdSockets(process.env).map((fd) => ({ fd }));
  return settings["web.listen-address"].map((text) => {
    const { host, port } = parseListenAddress(text);
    return host === "" ? { port } : { host, port };
  });
}

function listen(server: http.Server, target: ListenTarget): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(new WaystationError("CONFIG", `cannot listen: ${error.message}`, { cause: error }));
    });
    server.listen(target, resolve);
  });
}

function describeAddress(server: http.Server): string {
  const address = server.address();
  if (address === null || typeof address === "string") return String(address);
  return address.family === "IPv6" ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`;
}

async function stopAll(servers: readonly http.Server[], gateway: Gateway, logger: Logger): Promise<void> {
  await Promise.all(servers.map(drain));
  await gateway.close();
  logger.info("stopped");
}

/** Stops accepting and waits for requests under way, not for connections that are merely kept alive. */
function drain(server: http.Server): Promise<void> {
  return new Promise((resolve) => {
    const closeIdle = setInterval(() => server.closeIdleConnections(), 50);
    const cut = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
    server.close(() => {
      clearInterval(closeIdle);
      clearTimeout(cut);
      resolve();
    });
  });
}
