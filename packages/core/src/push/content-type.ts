/** A token, and another one or a quoted string. */
const PARAMETER =
  /\s*;\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+)|"((?:[^"\\]|\\.)*)")\s*(?=;|$)/y;

/**
 * Does a Content-Type announce delimited protobuf, the one other format that the Go Pushgateway takes? The media type's case does
 * not matter, that of the parameters' values does; parameters may come in any order, quoted or not, among others. Whatever is not
 * well-formed, as Go's `mime.ParseMediaType` sees it, announces nothing.
 */
export function isDelimitedProtobuf(contentType: string | undefined): boolean {
  if (contentType === undefined) return false;
  if (mediaType(contentType) !== "application/vnd.google.protobuf") return false;
  const values = new Map<string, string>();
  let end = mediaTypeEnd(contentType);
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
  const rest = contentType.slice(end).trim();
  if (rest !== "" && rest !== ";") return false;
  return values.get("proto") === "io.prometheus.client.MetricFamily" && values.get("encoding") === "delimited";
}

/** Does a Content-Type announce OpenMetrics text, of whatever version? */
export function isOpenMetrics(contentType: string | undefined): boolean {
  return mediaType(contentType ?? "") === "application/openmetrics-text";
}

/** In lower case. Blanks around it are cut off without a regular expression, which would look at long runs of them again and again. */
function mediaType(contentType: string): string {
  return contentType.slice(0, mediaTypeEnd(contentType)).trim().toLowerCase();
}

function mediaTypeEnd(contentType: string): number {
  const semicolon = contentType.indexOf(";");
  return semicolon < 0 ? contentType.length : semicolon;
}
