import type { ByteWriter } from "../exposition/byte-writer.ts";
import type { ExpositionFormat, ExpositionSyntax } from "../exposition/negotiation.ts";
import { encodeDelimited } from "../exposition/protobuf-encoder.ts";
import { writeFamilyAsText } from "../exposition/protobuf-text.ts";
import { writeFamily } from "../exposition/text-encoder.ts";
import type { MetricFamily } from "../model/metric-family.ts";
import { escapeFamily } from "../model/names.ts";

type FamilyWriter = (out: ByteWriter, family: MetricFamily) => void;

const WRITERS: Record<Exclude<ExpositionSyntax, "openmetrics">, FamilyWriter> = {
  text: writeFamily,
  "protobuf-delimited": (out, family) => out.writeBytes(encodeDelimited(family)),
  "protobuf-text": (out, family) => writeFamilyAsText(out, family, "text"),
  "protobuf-compact-text": (out, family) => writeFamilyAsText(out, family, "compact-text"),
};

/** Appends a whole family in a format, its names escaped as the format says. */
export function writeFamilyIn({ syntax, escaping }: ExpositionFormat, out: ByteWriter, family: MetricFamily): void {
  if (syntax !== "openmetrics") WRITERS[syntax](out, escapeFamily(family, escaping));
}

/** Appends what a format has at its very end. */
export function writeEndIn(_format: ExpositionFormat, _out: ByteWriter): void {}
