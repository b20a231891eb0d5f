/**
 * Does a Content-Type announce delimited protobuf, the one other format that the Go Pushgateway takes? The media type's case does
 * not matter, that of the parameters' values does; parameters may come in any order, quoted or not, among others.
 */
export function isDelimitedProtobuf(contentType: string | undefined): boolean {
  if (contentType === undefined) return false;
  const [mediaType, ...parameters] = contentType.split(";");
  if (mediaType!.trim().toLowerCase() !== "application/vnd.google.protobuf") return false;
  const values = new Map(
    parameters.map((parameter) => {
      const [name, ...value] = parameter.split("=");
      return [name!.trim().toLowerCase(), unquote(value.join("=").trim())];
    }),
  );
  return values.get("proto") === "io.prometheus.client.MetricFamily" && values.get("encoding") === "delimited";
}

function unquote(value: string): string {
  return value.startsWith('"') && value.endsWith('"') && value.length > 1 ? value.slice(1, -1) : value;
}
