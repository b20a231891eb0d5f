import { useEffect, useState } from "preact/hooks";
import { api } from "../api/client.ts";
import { HOME } from "./location.ts";

export interface Address {
  /** Of the gateway, ending in a slash: as jobs and Prometheus reach it, if that was configured, else as this browser does. */
  readonly home: string;
  /** What Prometheus scrapes, below `home`. */
  readonly telemetryPath: string;
}

let known: Promise<Address> | undefined;

async function load(): Promise<Address> {
  const { externalUrl, telemetryPath } = await api.status();
  const home = externalUrl ?? HOME;
  return { home: home.endsWith("/") ? home : `${home}/`, telemetryPath };
}

export function useAddress(): Address {
  const [address, setAddress] = useState<Address>({ home: HOME, telemetryPath: "metrics" });
  useEffect(() => {
    known ??= load();
    known.then(setAddress, () => {
      known = undefined;
    });
  }, []);
  return address;
}
