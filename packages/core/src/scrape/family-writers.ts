import type { ByteWriter } from "../exposition/byte-writer.ts";
import type { ExpositionFormat, ExpositionSyntax } from "../exposition/negotiation.ts";
import { writeOpenMetricsEnd, writeOpenMetricsFamily } from "../exposition/openmetrics-encoder.ts";
import { encodeDelimited } from "../exposition/protobuf-encoder.ts";
import { writeFamilyAsText } from "../exposition/protobuf-text.ts";
import { writeFamily } from "../exposition/text-encoder.ts";
import type { MetricFamily } from "../model/metric-family.ts";
import { escapeFamily } from "../model/names.ts";

type FamilyWriter = (out: ByteWriter, family: MetricFamily) => void;

const WRITERS: Record<ExpositionSyntax, FamilyWriter> = {
  text: writeFamily,
  openmetrics: writeOpenMetricsFamily,
  "protobuf-delimited": (out, family) => out.writeBytes(encodeDelimited(family)),
  "protobuf-text": (out, family) => writeFamilyAsText(out, family, "text"),
  "protobuf-compact-text": (out, family) => writeFamilyAsText(out, family, "compact-text"),
};

/** Appends a whole family in a format, its names escaped as the format says. */
export function writeFamilyIn({ syntax, escaping }: ExpositionFormat, out: ByteWriter, family: MetricFamily): void {
  WRITERS[syntax](out, escapeFamily(family, escaping));
}

/** Appends what a format has at its very end. */
export function writeEndIn({ syntax }: ExpositionFormat, out: ByteWriter): void {
  if (syntax === "openmetrics") writeOpenMetricsEnd(out);
}
