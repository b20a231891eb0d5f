import Router from "@koa/router";
import type { Gateway } from "@waystation/core";
import Koa, { type Middleware } from "koa";
import type { AccessControl } from "./access/access-control.ts";
import type { Role } from "./access/access-rules.ts";
import { cors } from "./access/cors.ts";
import { apiV2 } from "./api-v2/api-v2.ts";
import { PushLog } from "./api-v2/push-log.ts";
import type { Settings } from "./config/settings.ts";
import { InFlight } from "./http/in-flight.ts";
import { escapePath } from "./http/request-target.ts";
import { type Route, RouteTable } from "./http/route-table.ts";
import type { Logger } from "./logging.ts";
import { GatewayMetrics } from "./metrics/gateway-metrics.ts";
import { HttpMetrics } from "./metrics/http-metrics.ts";
import { SelfMetrics } from "./metrics/self-metrics.ts";
import { counted } from "./middleware/counted.ts";
import { errors } from "./middleware/errors.ts";
import { goPaths } from "./middleware/go-paths.ts";
import { PushFirst } from "./push/push-first.ts";
import { PushRoute } from "./push/push-route.ts";
import type { ExpositionLease } from "./replicas/exposition-lease.ts";
import { apiMetrics, apiOptions, apiStatus, type StatusFacts } from "./routes/api.ts";
import { healthy, ready } from "./routes/health.ts";
import { quit, quitByGet, wipe } from "./routes/lifecycle.ts";
import { scrape } from "./routes/scrape.ts";
import { BUILD_INFO } from "./version.ts";
import { loadWebUi } from "./web-ui/assets.ts";
import { webUiFile, webUiPage } from "./web-ui/serve.ts";

export interface AppOptions {
  /** Open; the app does not close it. */
  readonly gateway: Gateway;
  readonly settings: Settings;
  readonly logger: Logger;
  /** Is the server about to stop? Then it is not ready. Default: never. */
  readonly isStopping?: () => boolean;
  /** If only the replica that holds it is to expose what was pushed. Default: every replica does. */
  readonly lease?: ExpositionLease | undefined;
  /** What `/-/quit` does, if `--web.enable-lifecycle` is given. */
  readonly stop?: () => Promise<void>;
  /** Counts requests. Default: one of the app's own. */
  readonly metrics?: HttpMetrics;
  /** Who may do what. Default: everybody everything. */
  readonly access?: AccessControl | undefined;
  /** Runs before everything else: authentication and the like. */
  readonly before?: Middleware;
}

/** What a client that does not wait for its answer comes to. */
const LEFT: ReadonlySet<string> = new Set(["ERR_STREAM_PREMATURE_CLOSE", "ECONNRESET", "EPIPE"]);

/** A route with its handler. */
interface Endpoint extends Route {
  /** What somebody needs to use it, if there is an access file; undefined: to be known. */
  readonly role: Role | undefined;
  /** Does it show only groups that whoever asks may see, or none? Otherwise it is not for those who may see some only. */
  readonly inScope?: boolean;
  readonly handle: Middleware;
}

/** The whole HTTP surface as a Koa application that listens nowhere yet: mount it, or hand `app.callback()` to a server. */
export function createApp(options: AppOptions): Koa {
  const { gateway, settings, logger, access } = options;
  const { routePrefix } = settings;
  const metrics = options.metrics ?? new HttpMetrics();
  const inFlight = new InFlight({
    requests: settings["web.max-requests-in-flight"],
    bodyBytes: settings["web.max-body-bytes-in-flight"],
  });
  const log = new PushLog(gateway);
  const push = new PushRoute({
    gateway,
    logger,
    metrics,
    routePrefix,
    checkConsistency: !settings["push.disable-consistency-check"],
    maxBodyBytes: settings["push.max-body-bytes"],
    inFlight,
    access,
    onAnswered: log.noteAnswered,
  });
  const facts: StatusFacts = {
    flags: settings.shown,
    startTime: new Date(),
    buildInformation: buildInformation(),
  };
  const selfMetrics = new SelfMetrics(metrics, new GatewayMetrics(gateway), options.lease);
  const apiPrefix = `${routePrefix}/api/v1`;
  const endpoints = mainEndpoints(options, metrics, selfMetrics);
  const apiEndpoints = queryEndpoints(options, metrics, facts);

  const origins = settings["web.cors-origin"];
  const comesFirst = origins.length === 0 && options.before === undefined && access === undefined;
  const app = comesFirst ? new PushFirst(push) : new Koa();
  if (origins.length > 0) app.use(cors(origins, `${routePrefix}/metrics/job`));
  if (options.before) app.use(options.before);
  if (access) app.use(access.middleware);
  app.use(push.middleware);
  app.use(errors(logger, metrics));
  app.use(inFlight.middleware);
  app.use(
    apiV2({
      gateway,
      settings,
      facts,
      logger,
      metrics,
      log,
      access,
      inFlight,
      isStopping: options.isStopping ?? (() => false),
    }),
  );
  app.use(
    goPaths({
      routes: new RouteTable([...endpoints, ...groupingKeyRoutes(routePrefix)]),
      apiRoutes: new RouteTable(apiEndpoints),
      apiPrefix,
      push: (ctx, tail) => push.handle(ctx.req, ctx.res, tail),
    }),
  );
  const router = new Router();
  for (const endpoint of endpoints) register(router, "", endpoint, access);
  for (const endpoint of apiEndpoints) register(router, apiPrefix, endpoint, access);
  app.use(router.routes());
  app.on("error", (error: NodeJS.ErrnoException) => {
    if (LEFT.has(error.code ?? "")) logger.debug({ err: error }, "a client went away during its answer");
    else logger.error({ err: error }, "request failed");
  });
  return app;
}

/** How an application takes pushes, if nothing of it has to look at them before. */
export function pushRouteOf(app: Koa): PushRoute | undefined {
  return app instanceof PushFirst ? app.push : undefined;
}

function mainEndpoints(
  { gateway, settings, logger, isStopping = () => false, lease, stop }: AppOptions,
  metrics: HttpMetrics,
  selfMetrics: SelfMetrics,
): Endpoint[] {
  const { routePrefix: prefix, telemetryPath } = settings;
  const get = (path: string, role: Role | undefined, handle: Middleware): Endpoint => ({
    method: "GET",
    shape: "exact",
    path,
    role,
    inScope: true,
    handle,
  });
  const webUi = loadWebUi();
  const status = counted(metrics, "status", webUiPage(webUi));
  const openMetrics = settings["web.enable-openmetrics"] ? "by-weight" : "alone";
  const quitting = quit(settings["web.enable-lifecycle"] ? stop : undefined, logger);
  return [
    get(`${prefix}/-/healthy`, undefined, counted(metrics, "healthy", healthy)),
    get(`${prefix}/-/ready`, undefined, counted(metrics, "ready", ready(gateway, isStopping))),
    get(telemetryPath, "scrape", scrape({ gateway, selfMetrics, openMetrics, lease })),
    get(`${prefix}/status`, "read", status),
    get(`${prefix}/`, "read", status),
    {
      method: "GET",
      shape: "subtree",
      path: `${prefix}/static`,
      role: "read",
      inScope: true,
      handle: counted(metrics, "static", webUiFile(webUi, `${prefix}/static/`)),
    },
    // Without the prefix, as in the Go Pushgateway.
    get("/-/quit", undefined, quitByGet),
    { method: "PUT", shape: "exact", path: `${prefix}/-/quit`, role: "admin", handle: quitting },
    { method: "POST", shape: "exact", path: `${prefix}/-/quit`, role: "admin", handle: quitting },
  ];
}

/** Paths are relative to `/api/v1`. */
function queryEndpoints(
  { gateway, settings, logger }: AppOptions,
  metrics: HttpMetrics,
  facts: StatusFacts,
): Endpoint[] {
  const endpoints: Endpoint[] = [
    {
      method: "OPTIONS",
      shape: "subtree",
      path: "",
      role: "read",
      inScope: true,
      handle: counted(metrics, "api/v1/options", apiOptions),
    },
    {
      method: "GET",
      shape: "exact",
      path: "/status",
      role: "read",
      inScope: true,
      handle: counted(metrics, "api/v1/status", apiStatus(facts)),
    },
    {
      method: "GET",
      shape: "exact",
      path: "/metrics",
      role: "read",
      inScope: true,
      handle: counted(metrics, "api/v1/metrics", apiMetrics(gateway)),
    },
  ];
  if (settings["web.enable-admin-api"]) {
    endpoints.push({
      method: "PUT",
      shape: "exact",
      path: "/admin/wipe",
      role: "admin",
      handle: counted(metrics, "wipe", wipe(gateway, logger)),
    });
  }
  return endpoints;
}

/** Where pushes and deletes go; their handler is not the router's. */
function groupingKeyRoutes(prefix: string): Route[] {
  return ["PUT", "POST", "DELETE"].flatMap((method) =>
    ["job", "job@base64"].map((name): Route => ({ method, shape: "grouping-key", path: `${prefix}/metrics/${name}` })),
  );
}

/** As a regular expression, because the router's own path syntax has characters that paths may hold. */
function register(router: Router, prefix: string, endpoint: Endpoint, access: AccessControl | undefined): void {
  const { method, shape, path, role, inScope = false, handle } = endpoint;
  const literal = escapePath(prefix + path).replace(/[.+$]/g, "\\$&");
  const pattern = new RegExp(`^${literal}${shape === "subtree" ? "/.*" : ""}$`);
  router.register(pattern, [method], access && role ? access.permit(role, handle, inScope) : handle, {
    pathAsRegExp: true,
  });
}

function buildInformation(): Record<string, string> {
  const { version, revision, branch, goversion } = BUILD_INFO;
  return { branch, buildDate: "", buildUser: "", goVersion: goversion, revision, version };
}
