import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

export interface Issued {
  /** Paths of PEM files. */
  readonly cert: string;
  readonly key: string;
}

export interface CertificateFacts {
  readonly key?: "ec" | "rsa";
  /** As in `subjectAltName`. Default: this machine's own names. */
  readonly names?: string;
  /** Years in which it begins and ends to be valid. Default: it is valid. */
  readonly from?: number;
  readonly to?: number;
}

/** A certificate authority in a folder, by the `openssl` program, which can issue what is valid no more or not yet. */
export class Authority {
  readonly cert: string;
  readonly #folder: string;
  #issued = 0;

  /** @param folder is made */
  constructor(folder: string) {
    this.#folder = folder;
    this.cert = path.join(folder, "ca.pem");
    mkdirSync(folder);
    writeFileSync(path.join(folder, "index.txt"), "");
    writeFileSync(path.join(folder, "ca.cnf"), CONFIG);
    const self = ["-x509", "-days", "3650", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority"];
    this.#openssl(["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", ...self]);
  }

  issue(name: string, { key = "ec", names = "DNS:localhost,IP:127.0.0.1", ...years }: CertificateFacts = {}): Issued {
    const { from = 2020, to = 2120 } = years;
    const file = `${name}-${this.#issued++}`;
    const kind = key === "ec" ? ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"] : ["rsa:2048"];
    const request = ["-keyout", `${file}.key`, "-out", `${file}.csr`, "-subj", `/CN=${name}`];
    this.#openssl(["req", "-newkey", ...kind, "-nodes", ...request, "-addext", `subjectAltName=${names}`]);
    const dates = ["-startdate", `${from}0101000000Z`, "-enddate", `${to}0101000000Z`];
    this.#openssl([
      "ca",
      "-config",
      "ca.cnf",
      "-batch",
      "-notext",
      "-in",
      `${file}.csr`,
      "-out",
      `${file}.pem`,
      ...dates,
    ]);
    return { cert: path.join(this.#folder, `${file}.pem`), key: path.join(this.#folder, `${file}.key`) };
  }

  #openssl(args: readonly string[]): void {
    execFileSync("openssl", args, { cwd: this.#folder, stdio: "pipe" });
  }
}

const CONFIG = `
[ca]
default_ca = this
[this]
database = index.txt
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
default_md = sha256
rand_serial = yes
unique_subject = no
copy_extensions = copy
policy = any
[any]
commonName = supplied
`;
