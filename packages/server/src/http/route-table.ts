import { cleanPath, type RequestTarget, redirectLocation } from "./request-target.ts";

/**
 * The shapes of paths that the gateway serves:
 *
 * - `exact`: this path only
 * - `subtree`: everything below `path + "/"`
 * - `grouping-key`: `path + "/<job>"`, with or without `/<name>/<value>` pairs after it
 */
export interface Route {
  readonly method: string;
  readonly shape: "exact" | "subtree" | "grouping-key";
  readonly path: string;
}

/** What a request gets that no route takes. */
export interface Fallback {
  readonly status: 200 | 301 | 307 | 404 | 405;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Knows all routes, to answer the requests that none of them takes: redirects for a trailing slash or wrong case, the list of
 * allowed methods, or 404. Follows github.com/julienschmidt/httprouter 1.3, the Pushgateway's router.
 */
export class RouteTable {
  readonly #routes: readonly Route[];

  constructor(routes: readonly Route[]) {
    this.#routes = routes;
  }

  /** @param path percent-decoded */
  find(method: string, path: string): Route | undefined {
    return this.#routes.find((route) => route.method === method && matches(route, path));
  }

  fallback(method: string, target: RequestTarget): Fallback {
    const redirect = this.#redirect(method, target.path);
    if (redirect !== undefined) {
      return { status: method === "GET" ? 301 : 307, headers: { Location: redirectLocation(redirect, target.query) } };
    }
    const allowed = this.#allowed(target.path, method);
    if (allowed.length === 0) return { status: 404, headers: {} };
    return {
      status: method === "OPTIONS" ? 200 : 405,
      headers: { Allow: [...allowed, "OPTIONS"].sort(byName).join(", ") },
    };
  }

  #allowed(path: string, except: string): string[] {
    const methods = new Set<string>();
    for (const route of this.#routes) {
      if (route.method !== except && route.method !== "OPTIONS" && matches(route, path)) methods.add(route.method);
    }
    return [...methods];
  }

  #redirect(method: string, path: string): string | undefined {
    if (path === "/") return undefined;
    const routes = this.#routes.filter((route) => route.method === method);
    for (const route of routes) {
      const target = trailingSlashTarget(route, path);
      if (target !== undefined) return target;
    }
    const clean = cleanPath(path);
    for (const route of routes) {
      const target = caseInsensitiveTarget(route, clean);
      if (target !== undefined) return target;
    }
    return undefined;
  }
}

function byName(a: string, b: string): number {
  return a < b ? -1 : 1;
}

function matches(route: Route, path: string): boolean {
  if (route.shape === "exact") return path === route.path;
  if (!path.startsWith(`${route.path}/`)) return false;
  return route.shape === "subtree" || path.length > route.path.length + 1;
}

/** The same path with a slash more or less, if the route takes that. */
function trailingSlashTarget(route: Route, path: string): string | undefined {
  switch (route.shape) {
    case "exact":
      return path === `${route.path}/` || `${path}/` === route.path ? route.path : undefined;
    case "subtree":
      return path === route.path ? `${path}/` : undefined;
    case "grouping-key":
      // httprouter offers the parent where a job should be, although nothing is served there; not so after `job@base64/`.
      return path === `${route.path}/` && !path.endsWith("@base64/") ? route.path : undefined;
  }
}

/** @param path clean */
function caseInsensitiveTarget(route: Route, path: string): string | undefined {
  const prefix = route.path.toLowerCase();
  const lower = path.toLowerCase();
  if (route.shape === "exact") {
    return lower === prefix || lower === `${prefix}/` || `${lower}/` === prefix ? route.path : undefined;
  }
  if (lower === prefix && route.shape === "subtree") return `${route.path}/`;
  const rest = path.slice(prefix.length);
  return lower.startsWith(`${prefix}/`) && (route.shape === "subtree" || rest.length > 1)
    ? route.path + rest
    : undefined;
}
