import http from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { type Gateway, type Journal, WaystationError } from "@waystation/core";
import type { Middleware } from "koa";
import type { AccessControl } from "./access/access-control.ts";
import { parseListenAddress } from "./config/flags.ts";
import { gatewayLimits } from "./config/limits.ts";
import { redactUrl, type Settings } from "./config/settings.ts";
import { Drain } from "./http/drain.ts";
import { type AnyHttpServer, createHttpServer, type Timeouts } from "./http/http-servers.ts";
import { systemdSockets } from "./http/systemd-sockets.ts";
import type { Logger } from "./logging.ts";
import { HttpMetrics } from "./metrics/http-metrics.ts";
import { openGateway } from "./open-gateway.ts";
import { PushConnections } from "./push/push-connections.ts";
import type { PushRoute } from "./push/push-route.ts";
import { ExpositionLease } from "./replicas/exposition-lease.ts";
import { logJournal } from "./replicas/journal-log.ts";
import { createJournal, type StorageListeners } from "./storage.ts";
import { takeOverGoFile } from "./take-over/go-file.ts";
import { VERSION } from "./version.ts";
import type { WebConfigFile } from "./web-config/web-config-file.ts";

export interface StartOptions {
  readonly settings: Settings;
  readonly logger: Logger;
  /** Instead of the one that the settings name. The gateway opens and closes it. */
  readonly journal?: Journal;
}

export interface RunningServer {
  readonly gateway: Gateway;
  /** Where it listens, in the order of the flags; `port` is the actual one where 0 was asked for. */
  readonly addresses: readonly AddressInfo[];
  /** Serves on for `--web.shutdown-delay`, answers what is under way, then closes the gateway and its journal. May be called often. Settles like `stopped`. */
  stop(): Promise<void>;
  /** Resolves after `stop`, whoever called it; rejects if the journal could not be closed cleanly. */
  readonly stopped: Promise<void>;
}

/**
 * Opens the storage, listens, serves.
 *
 * @throws `CONFIG`, and what the journal's `open` and the gateway's `open` throw; nothing is left open then
 */
export async function startServer({ settings, logger, journal: given }: StartOptions): Promise<RunningServer> {
  logger.info(
    { version: VERSION, node: process.version, storage: given?.name ?? redactUrl(settings.storageUrl) },
    "starting waystation",
  );
  const listeners: StorageListeners = {
    onWarning: (warning) => logger.warn({ warning }, "the storage may lose what is acknowledged"),
    onOutage: (problem) => logger.warn({ problem }, "the storage cannot be reached"),
  };
  const webConfig = await openWebConfig(settings);
  const access = await openAccess(settings, webConfig, logger);
  let application: Promise<Application> | undefined;
  const { gateway, journal } = await openGateway({
    createJournal: async () => {
      const created = given ?? (await createJournal(settings.storageUrl, listeners));
      application ??= loadApplication();
      return created;
    },
    patience: given ? 0 : settings["storage.wait"],
    logger,
    utf8Names: settings["push.enable-utf8-names"],
    checkConsistency: !settings["push.disable-consistency-check"],
    lenientText: settings["push.lenient-text"],
    maxWaiting: settings["push.max-waiting"],
    maxWaitingBytes: settings["push.max-waiting-bytes"],
    limits: gatewayLimits(settings),
  });
  const stopLogging = logJournal(gateway, logger, settings["storage.lost-entries-dir"]);
  const lease = settings.exposition === "elected" ? new ExpositionLease(journal, logger) : undefined;
  lease?.start();

  const servers: AnyHttpServer[] = [];
  const drains: Drain[] = [];
  const { promise: stopped, resolve, reject } = Promise.withResolvers<void>();
  let stopping = false;
  const leave = async (): Promise<void> => {
    const delay = settings["web.shutdown-delay"];
    for (const drain of drains) drain.leave();
    if (delay > 0) logger.info({ seconds: delay / 1000 }, "not ready any more, still serving");
    await Promise.all([lease?.release(), sleep(delay)]);
  };
  const end = async (): Promise<void> => {
    await Promise.all(drains.map((drain) => drain.finish()));
    await lease?.release();
    await gateway.close();
    stopLogging();
    logger.info("stopped");
  };
  const stop = (): Promise<void> => {
    if (!stopping) {
      stopping = true;
      leave().then(end).then(resolve, reject);
    }
    return stopped;
  };
  try {
    const { persistence } = settings;
    if (persistence) await takeOverGoFile(gateway, persistence.file, persistence.directory, logger);
    const metrics = new HttpMetrics();
    const { createApp, pushRouteOf } = await application!;
    const app = createApp({
      metrics,
      gateway,
      settings,
      logger,
      isStopping: () => stopping,
      stop,
      lease,
      access,
      ...(webConfig && { before: await authentication(webConfig, settings, logger) }),
    });
    const handle = app.callback();
    for (const target of listenTargets(settings)) {
      const server = createHttpServer(handle, {
        webConfig,
        logger,
        timeouts: timeouts(settings),
        onTimeout: () => metrics.countLimitRefusal("requestTime"),
      });
      const pushes = pushConnections(pushRouteOf(app), server, settings);
      await listen(server, target);
      servers.push(server);
      drains.push(new Drain(server, pushes));
      logger.info({ address: describeAddress(server), tls: webConfig?.current().tls !== undefined }, "listening");
    }
  } catch (error) {
    await end();
    throw error;
  }
  return { gateway, addresses: servers.map((server) => server.address() as AddressInfo), stop, stopped };
}

type Application = typeof import("./create-app.ts");

/** Koa and all routes, while the storage is being read: by another thread or process, but for what is decoded here. */
function loadApplication(): Promise<Application> {
  const loading = nextTurn().then(() => import("./create-app.ts"));
  // It is waited for after the storage, which may fail before.
  loading.catch(() => undefined);
  return loading;
}

// What follows is loaded only where it is asked for: with YAML and bcrypt it takes a tenth of the memory of an empty gateway.

/** @throws `CONFIG` */
async function openWebConfig(settings: Settings): Promise<WebConfigFile | undefined> {
  const path = settings["web.config.file"];
  if (path === "") return undefined;
  const { WebConfigFile } = await import("./web-config/web-config-file.ts");
  return new WebConfigFile(path);
}

async function authentication(file: WebConfigFile, settings: Settings, logger: Logger): Promise<Middleware> {
  const { guard } = await import("./web-config/guard.ts");
  return guard({ file, logger, withoutAuth: pathsWithoutAuth(settings) });
}

/** @throws `CONFIG` */
async function openAccess(
  settings: Settings,
  webConfig: WebConfigFile | undefined,
  logger: Logger,
): Promise<AccessControl | undefined> {
  const path = settings["web.access-file"];
  if (path === "") return undefined;
  if (webConfig !== undefined && webConfig.current().users.size > 0) {
    throw new WaystationError(
      "CONFIG",
      `basic_auth_users in ${webConfig.path} and --web.access-file both say who may come in: move the users to the latter`,
    );
  }
  const { AccessControl } = await import("./access/access-control.ts");
  const { AccessFile } = await import("./access/access-file.ts");
  return new AccessControl({
    file: new AccessFile(path),
    logger,
    withoutAuth: pathsWithoutAuth(settings),
    origins: settings["web.cors-origin"],
  });
}

function pathsWithoutAuth(settings: Settings): string[] {
  if (!settings["web.health-without-auth"]) return [];
  return ["healthy", "ready"].map((name) => `${settings.routePrefix}/-/${name}`);
}

function timeouts(settings: Settings): Timeouts {
  return {
    keepAlive: settings["web.keep-alive-timeout"],
    header: settings["web.header-timeout"],
    request: settings["web.request-timeout"],
  };
}

/** Where pushes need not be looked at by anything else, nor decrypted. */
function pushConnections(
  push: PushRoute | undefined,
  server: AnyHttpServer,
  settings: Settings,
): PushConnections | undefined {
  if (push === undefined || !(server instanceof http.Server)) return undefined;
  const { keepAlive, header, request } = timeouts(settings);
  return new PushConnections(server, {
    push,
    maxBodyBytes: settings["push.max-body-bytes"],
    firstRequestTimeout: Math.min(header, request),
    keepAliveTimeout: keepAlive,
  });
}

type ListenTarget = { host?: string; port: number } | { fd: number };

function listenTargets(settings: Settings): ListenTarget[] {
  if (settings["web.systemd-socket"]) return systemdSockets(process.env).map((fd) => ({ fd }));
  return settings["web.listen-address"].map((text) => {
    const { host, port } = parseListenAddress(text);
    return host === "" ? { port } : { host, port };
  });
}

function listen(server: AnyHttpServer, target: ListenTarget): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: NodeJS.ErrnoException): void => {
      const remedy = "free that address, or name another one by --web.listen-address";
      reject(new WaystationError("CONFIG", `cannot listen: ${error.message}: ${remedy}`, { cause: error }));
    };
    server.once("error", refuse);
    server.listen(target, () => {
      server.off("error", refuse);
      resolve();
    });
  });
}

function describeAddress(server: AnyHttpServer): string {
  const address = server.address();
  if (address === null || typeof address === "string") return String(address);
  return address.family === "IPv6" ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`;
}
