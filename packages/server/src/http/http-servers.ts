import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { WaystationError } from "@waystation/core";
import type { Logger } from "../logging.ts";
import { asksForCertificate, clientRefusal, TlsSource } from "../web-config/tls.ts";
import type { TlsConfig } from "../web-config/web-config.ts";
import type { WebConfigFile } from "../web-config/web-config-file.ts";
import { answerClientError } from "./client-error.ts";
import { limitHttp2Times } from "./http2-timeouts.ts";
import { UnusualRequests } from "./unusual-requests.ts";

/** A server that speaks HTTP in some form; those of Node have no common type. */
export type AnyHttpServer = http.Server | https.Server | http2.Http2SecureServer;

/** Milliseconds. */
export interface Timeouts {
  /** Of an idle connection. */
  readonly keepAlive: number;
  /** For the head of a request to arrive, and for all of it. */
  readonly header: number;
  readonly request: number;
}

/** What a server is made with, besides what answers its requests. */
export interface HttpServerOptions {
  readonly webConfig: WebConfigFile | undefined;
  readonly logger: Logger;
  readonly timeouts: Timeouts;
  /** Is told of each request that took too long to arrive. */
  readonly onTimeout: () => void;
}

/** As Go's `DefaultMaxHeaderBytes`: grouping keys may be long. */
const MAX_HEADER_BYTES = 2 ** 20;
/** Of HTTP/2, as in Go; Node sets no bound. */
const MAX_STREAMS_PER_CONNECTION = 250;

/**
 * How long a client may leave unread what it is sent: with each that does, a whole exposition may be kept. Longer than a request is
 * worked on, and than connections may be idle, which looks the same from here.
 */
export function stallLimit({ keepAlive, request }: Timeouts): number {
  return Math.max(keepAlive, request);
}

function optionsFor({ keepAlive, header, request }: Timeouts): http.ServerOptions {
  const headersTimeout = Math.min(header, request);
  return {
    maxHeaderSize: MAX_HEADER_BYTES,
    keepAliveTimeout: keepAlive,
    headersTimeout,
    requestTimeout: request,
    // How often Node looks for those that take too long.
    connectionsCheckingInterval: Math.min(5_000, Math.ceil(headersTimeout / 2)),
  };
}

/** Plain HTTP, or what the web config file says. @throws `CONFIG` if that file or a certificate is not valid */
export function createHttpServer(handle: http.RequestListener, options: HttpServerOptions): AnyHttpServer {
  const { webConfig, timeouts, onTimeout } = options;
  const serverOptions = optionsFor(timeouts);
  const server = webConfig?.current().tls
    ? createTlsServer(handle, serverOptions, { ...options, webConfig })
    : http.createServer(serverOptions, handle);
  // The HTTP/2 server has this property too, as it also serves HTTP/1.1; its type does not say so.
  (server as http.Server).timeout = stallLimit(timeouts);
  const unusual = new UnusualRequests(serverOptions, handle);
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (!unusual.adopt(error, socket)) answerClientError(error, socket, onTimeout);
  });
  return server;
}

/**
 * HTTP/1.1 and, unless switched off, HTTP/2 over TLS. The web config file and the certificates are looked at again for each new
 * connection; one that could not be set up with what they say now is closed, except that a certificate which is being replaced
 * stays in use until the new one can be.
 */
function createTlsServer(
  handle: http.RequestListener,
  serverOptions: http.ServerOptions,
  { webConfig, logger, timeouts, onTimeout }: HttpServerOptions & { readonly webConfig: WebConfigFile },
): AnyHttpServer {
  const source = new TlsSource((error) => logger.error({ err: error }, "the certificate before stays in use"));
  const { http2: wantsHttp2 } = webConfig.current();
  let current = requireTls(webConfig);
  let context = source.secureContext(current);
  const options = {
    ...serverOptions,
    ...context,
    handshakeTimeout: timeouts.header,
    requestCert: asksForCertificate(current),
    // Who is acceptable is decided below, by the policy at that time.
    rejectUnauthorized: false,
  };
  const server = wantsHttp2 ? createHttp2Server(handle, options) : https.createServer(options, handle);
  if (wantsHttp2) limitHttp2Times(server as http2.Http2SecureServer, timeouts, onTimeout);

  // Ahead of the listener that begins the handshake.
  server.prependListener("connection", (socket: Socket) => {
    try {
      const latest = requireTls(webConfig);
      const latestContext = source.secureContext(latest);
      if (latestContext !== context) server.setSecureContext(latestContext);
      current = latest;
      context = latestContext;
    } catch (error) {
      logger.error({ err: error }, "cannot take a connection by the web config file as it is now");
      socket.destroy();
    }
  });
  server.prependListener("secureConnection", (socket: TLSSocket) => {
    const refusal = clientRefusal(socket, current);
    if (refusal === undefined) return;
    logger.warn({ source: socket.remoteAddress, reason: refusal }, "connection refused");
    socket.destroy();
  });
  server.on("tlsClientError", (error: NodeJS.ErrnoException, socket: TLSSocket) => {
    if (error.code === "ERR_TLS_HANDSHAKE_TIMEOUT") onTimeout();
    // Node leaves that to whoever listens for client errors, who cannot send an answer without a handshake.
    socket.destroy();
    logger.debug({ source: socket.remoteAddress, err: error }, "TLS handshake failed");
  });
  return server;
}

function createHttp2Server(handle: http.RequestListener, options: http2.SecureServerOptions): http2.Http2SecureServer {
  const settings = { maxHeaderListSize: MAX_HEADER_BYTES, maxConcurrentStreams: MAX_STREAMS_PER_CONNECTION };
  return http2.createSecureServer({ ...options, allowHTTP1: true, settings }, (req, res) =>
    handle(req as unknown as http.IncomingMessage, res as unknown as http.ServerResponse),
  );
}

function requireTls(webConfig: WebConfigFile): TlsConfig {
  const { tls } = webConfig.current();
  if (tls === undefined) {
    throw new WaystationError(
      "CONFIG",
      `${webConfig.path}: tls_server_config is gone: TLS cannot be switched off on the fly`,
    );
  }
  return tls;
}
