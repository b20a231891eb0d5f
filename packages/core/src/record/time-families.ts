import type { ByteString } from "../model/byte-string.ts";
import type { Descriptor } from "./descriptor.ts";

/** The two metrics that the gateway adds to every group. */
export const PUSH_TIME_DESCRIPTOR: Descriptor = Object.freeze({
  name: "push_time_seconds",
  type: "gauge",
  help: "Last Unix time when changing this group in the Pushgateway succeeded.",
  unit: undefined,
  impliedInf: false,
  quoted: false,
});

export const FAILURE_TIME_DESCRIPTOR: Descriptor = Object.freeze({
  name: "push_failure_time_seconds",
  type: "gauge",
  help: "Last Unix time when changing this group in the Pushgateway failed.",
  unit: undefined,
  impliedInf: false,
  quoted: false,
});

/** Is it a family that the gateway writes itself? What is pushed under such a name is left out. */
export function isTimeFamily(name: ByteString): boolean {
  return name === PUSH_TIME_DESCRIPTOR.name || name === FAILURE_TIME_DESCRIPTOR.name;
}
