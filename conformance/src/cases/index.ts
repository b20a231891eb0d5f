import type { Case } from "../case.ts";
import groupingKey from "./grouping-key.ts";
import { admin, labels, methods, pushTime } from "./pushes.ts";
import { consistency, exposition, negotiation, unchecked } from "./stored.ts";
import { assembly, numbers, textInvalid, textValid } from "./text.ts";
import utf8 from "./utf8.ts";
import { compression, http, protobuf } from "./wire.ts";

export const CASES: readonly Case[] = [
  groupingKey,
  labels,
  methods,
  pushTime,
  admin,
  textValid,
  textInvalid,
  numbers,
  assembly,
  consistency,
  unchecked,
  exposition,
  negotiation,
  protobuf,
  compression,
  http,
  utf8,
].flat();
