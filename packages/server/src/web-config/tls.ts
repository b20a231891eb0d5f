import type { SecureContextOptions, TLSSocket } from "node:tls";
import { createSecureContext } from "node:tls";
import { WaystationError } from "@waystation/core";
import { TLS13_CIPHERS } from "./tls-names.ts";
import { WatchedFiles } from "./watched-file.ts";
import type { PemSource, TlsConfig } from "./web-config.ts";

/** Turns the TLS part of the web config file into what Node takes; certificates are read again when their files change. */
export class TlsSource {
  readonly #files = new WatchedFiles();

  /** @throws `CONFIG` if a file cannot be read, or certificate and key do not fit */
  secureContext(config: TlsConfig): SecureContextOptions {
    const options: SecureContextOptions = {
      cert: this.#pem(config.cert),
      key: this.#pem(config.key),
      minVersion: config.minVersion as NonNullable<SecureContextOptions["minVersion"]>,
      maxVersion: config.maxVersion as NonNullable<SecureContextOptions["maxVersion"]>,
      honorCipherOrder: config.preferServerCiphers,
      ...(config.clientCa ? { ca: this.#pem(config.clientCa) } : {}),
      ...(config.ciphers.length > 0 ? { ciphers: [...new Set([...TLS13_CIPHERS, ...config.ciphers])].join(":") } : {}),
      ...(config.curves.length > 0 ? { ecdhCurve: config.curves.join(":") } : {}),
    };
    try {
      createSecureContext(options);
    } catch (error) {
      throw new WaystationError("CONFIG", `tls_server_config: ${(error as Error).message}`, { cause: error });
    }
    return options;
  }

  #pem(source: PemSource): string {
    if ("pem" in source) return source.pem;
    try {
      return this.#files.read(source.file);
    } catch (error) {
      throw new WaystationError("CONFIG", `tls_server_config: ${(error as Error).message}`, { cause: error });
    }
  }
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
