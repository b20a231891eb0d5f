import type { SecureContextOptions, TLSSocket } from "node:tls";
import { createSecureContext } from "node:tls";
import { isWaystationError, WaystationError } from "@waystation/core";
import { CIPHERS, TLS13_CIPHERS } from "./tls-names.ts";
import { WatchedFiles } from "./watched-file.ts";
import type { PemSource, TlsConfig } from "./web-config.ts";

/** Of TLS 1.0 and 1.1, that OpenSSL only speaks at its lowest security level: their signatures are by SHA-1. */
const OLD_VERSIONS: readonly string[] = ["TLSv1", "TLSv1.1"];

/** A certificate with its key, as PEM. */
interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** Turns the TLS part of the web config file into what Node takes; certificates are read again when their files change. */
export class TlsSource {
  readonly #files = new WatchedFiles();
  readonly #onStale: (error: WaystationError) => void;
  /** The newest that fitted together. */
  #pair: Pair | undefined;
  /** What was last wrong with the files of the pair, as long as it is. */
  #trouble: string | undefined;
  #made: { readonly from: string; readonly options: SecureContextOptions } | undefined;

  /**
   * @param onStale is told, once for each reason, that the certificate before stays in use because its files cannot be used: a renewal
   *   replaces two files, and is seen between the two
   */
  constructor(onStale: (error: WaystationError) => void) {
    this.#onStale = onStale;
  }

  /**
   * The same object as long as nothing has changed.
   *
   * @throws `CONFIG` if a file cannot be read, or certificate and key do not fit and none before them did
   */
  secureContext(config: TlsConfig): SecureContextOptions {
    const isOld = OLD_VERSIONS.includes(config.minVersion);
    const ciphers = config.ciphers.length > 0 ? [...TLS13_CIPHERS, ...config.ciphers] : CIPHERS.values();
    const options: SecureContextOptions = {
      ...this.#usablePair(config),
      minVersion: config.minVersion as NonNullable<SecureContextOptions["minVersion"]>,
      maxVersion: config.maxVersion as NonNullable<SecureContextOptions["maxVersion"]>,
      honorCipherOrder: config.preferServerCiphers,
      ciphers: [...new Set(ciphers), ...(isOld ? ["@SECLEVEL=0"] : [])].join(":"),
      ...(config.clientCa ? { ca: this.#pem(config.clientCa) } : {}),
      ...(config.curves.length > 0 ? { ecdhCurve: config.curves.join(":") } : {}),
    };
    const from = JSON.stringify(options);
    if (this.#made?.from !== from) {
      requireUsable(options);
      this.#made = { from, options };
    }
    return this.#made.options;
  }

  #usablePair(config: TlsConfig): Pair {
    try {
      const pair = { cert: this.#pem(config.cert), key: this.#pem(config.key) };
      if (pair.cert !== this.#pair?.cert || pair.key !== this.#pair.key) requireUsable(pair);
      this.#pair = pair;
      this.#trouble = undefined;
    } catch (error) {
      if (this.#pair === undefined || !isWaystationError(error)) throw error;
      if (this.#trouble !== error.message) this.#onStale(error);
      this.#trouble = error.message;
    }
    return this.#pair;
  }

  #pem(source: PemSource): string {
    if ("pem" in source) return source.pem;
    try {
      return this.#files.read(source.file);
    } catch (error) {
      throw invalid(error);
    }
  }
}

function requireUsable(options: SecureContextOptions): void {
  try {
    createSecureContext(options);
  } catch (error) {
    throw invalid(error);
  }
}

function invalid(error: unknown): WaystationError {
  return new WaystationError("CONFIG", `tls_server_config: ${(error as Error).message}`, { cause: error });
}

/** Should the server ask for a client certificate at all? */
export function asksForCertificate({ clientAuth }: TlsConfig): boolean {
  return clientAuth !== "NoClientCert";
}

/** Why a connection is not acceptable; undefined if it is. To be asked after the handshake. */
export function clientRefusal(socket: TLSSocket, { clientAuth, clientAllowedSans }: TlsConfig): string | undefined {
  const certificate = socket.getPeerX509Certificate();
  if (clientAuth === "NoClientCert") return undefined;
  if (certificate === undefined) {
    return clientAuth.startsWith("Require") ? "the client has no certificate" : undefined;
  }
  if (clientAuth.includes("Verify") && !socket.authorized) {
    return `the client's certificate is not valid: ${socket.authorizationError}`;
  }
  if (clientAllowedSans === undefined) return undefined;
  const names = alternativeNames(certificate.subjectAltName ?? "");
  return names.some((name) => clientAllowedSans.includes(name))
    ? undefined
    : `the client's certificate has none of the allowed names, but ${names.join(", ") || "no names"}`;
}

/** The names in Node's text form, `DNS:a, IP Address:1.2.3.4, URI:"…"`, where what could be mistaken is a JSON string. */
function alternativeNames(text: string): string[] {
  return [...text.matchAll(/(?:DNS|IP Address|email|URI):("(?:[^"\\]|\\.)*"|[^,]*)/g)].map(([, name]) =>
    name!.startsWith('"') ? (JSON.parse(name!) as string) : name!,
  );
}
