import { type ByteString, isValidUtf8 } from "./byte-string.ts";

/**
 * Metric and label names, and how names outside the legacy character set are escaped.
 *
 * Source: github.com/prometheus/common, `model/metric.go` (escaping schemes) and `model/labelname.go`.
 */

const LEGACY_METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LEGACY_LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

export function isLegacyMetricName(name: ByteString): boolean {
  return LEGACY_METRIC_NAME.test(name);
}

export function isLegacyLabelName(name: ByteString): boolean {
  return LEGACY_LABEL_NAME.test(name);
}

/** Any non-empty UTF-8, which Prometheus 3 accepts for metric and label names alike. */
export function isUtf8Name(name: ByteString): boolean {
  return name.length > 0 && isValidUtf8(name);
}
