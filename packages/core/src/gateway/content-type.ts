const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const MEDIA_TYPE = /^\s*([^;\s]*)\s*(?=;|$)/;
const PARAMETER = new RegExp(`\\s*;\\s*(${TOKEN})\\s*=\\s*(?:(${TOKEN})|"((?:[^"\\\\]|\\\\.)*)")\\s*(?=;|$)`, "y");
const END = /^\s*;?\s*$/;

/**
 * Does a Content-Type announce delimited protobuf, the one other format that the Go Pushgateway takes? The media type's case does
 * not matter, that of the parameters' values does; parameters may come in any order, quoted or not, among others. Whatever is not
 * well-formed, as Go's `mime.ParseMediaType` sees it, announces nothing.
 */
export function isDelimitedProtobuf(contentType: string | undefined): boolean {
  if (contentType === undefined) return false;
  const mediaType = MEDIA_TYPE.exec(contentType);
  if (mediaType === null || mediaType[1]!.toLowerCase() !== "application/vnd.google.protobuf") return false;
  const values = new Map<string, string>();
  let end = mediaType[0].length;
  for (;;) {
    PARAMETER.lastIndex = end;
    const parameter = PARAMETER.exec(contentType);
    if (parameter === null) break;
    const name = parameter[1]!.toLowerCase();
    const value = parameter[2] ?? parameter[3]!;
    if ((values.get(name) ?? value) !== value) return false;
    values.set(name, value);
    end = PARAMETER.lastIndex;
  }
  if (!END.test(contentType.slice(end))) return false;
  return values.get("proto") === "io.prometheus.client.MetricFamily" && values.get("encoding") === "delimited";
}

/** Does a Content-Type announce OpenMetrics text, of whatever version? */
export function isOpenMetrics(contentType: string | undefined): boolean {
  return MEDIA_TYPE.exec(contentType ?? "")?.[1]?.toLowerCase() === "application/openmetrics-text";
}
