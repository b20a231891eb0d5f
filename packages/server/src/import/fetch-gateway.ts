import {
  type ByteString,
  fromByteString,
  type Label,
  type Metric,
  type MetricFamily,
  WaystationError,
} from "@waystation/core";
import { GatewayClient, type GatewayClientOptions } from "./gateway-client.ts";
import type { ListedFamily, ListedGroup } from "./gateway-listing.ts";
import { byFamilyName, describeLabels, type GoFamily, type GoGroup, sortedGroups } from "./go-group.ts";

export interface FetchGatewayOptions extends GatewayClientOptions {
  /** How often to read again what was pushed meanwhile. Default: 10. */
  readonly rounds?: number;
  readonly onProgress?: (progress: FetchProgress) => void;
}

export interface FetchProgress {
  /** Counts from 1. */
  readonly round: number;
  /** Groups read so far, as they are now. */
  readonly groups: number;
  readonly total: number;
}

/**
 * All groups of a running Pushgateway (1.2 or later, in Go or this one), read over HTTP and ordered by their labels.
 *
 * The query API tells which series are in which group, and when they were pushed; a protobuf scrape has their exact values, with
 * native histograms and exemplars. Pushes may go on meanwhile: a group counts as read only if it was not pushed to between the
 * listings before and after a scrape, else it is read again. So the result is what the gateway held at one moment.
 *
 * @param address for example `http://old:9091` or `https://user:password@old/prefix`
 * @throws `CONFIG` if that is no address; `UNAVAILABLE` if the gateway does not answer, answers with an error, or if some groups are
 *   pushed to in each round; `UNSUPPORTED` if it has no query API; `PARSE` or `INCONSISTENT` if its answers make no sense
 */
export async function fetchGateway(address: string, options: FetchGatewayOptions = {}): Promise<GoGroup[]> {
  const { rounds = 10, onProgress } = options;
  const gateway = new GatewayClient(address, options);
  const read = new Map<string, { readonly revision: string; readonly group: GoGroup }>();
  let listing = await gateway.list();
  for (let round = 1; round <= rounds; round++) {
    const before = new Map(listing.map((group) => [groupId(group), group.revision]));
    const scrape = indexScrape(await gateway.scrape());
    listing = await gateway.list();
    for (const group of listing) {
      const { revision } = group;
      const id = groupId(group);
      if (before.get(id) === revision && read.get(id)?.revision !== revision) {
        read.set(id, { revision, group: combine(group, scrape) });
      }
    }
    const current = listing.flatMap((group) => {
      const found = read.get(groupId(group));
      return found?.revision === group.revision ? [found.group] : [];
    });
    onProgress?.({ round, groups: current.length, total: listing.length });
    if (current.length === listing.length) return sortedGroups(current);
  }
  const moving = listing.filter((group) => read.get(groupId(group))?.revision !== group.revision);
  throw new WaystationError(
    "UNAVAILABLE",
    `${moving.length} groups were pushed to each of the ${rounds} times they were read, ${describeLabels(moving[0]!.labels)} for one: ` +
      "pause these pushes, or stop the gateway and import its persistence file",
  );
}

function groupId({ labels }: ListedGroup): string {
  return describeLabels(labels);
}

type Scrape = ReadonlyMap<ByteString, ScrapedFamily>;

interface ScrapedFamily {
  readonly family: MetricFamily;
  readonly metrics: ReadonlyMap<string, Metric>;
}

function indexScrape(families: readonly MetricFamily[]): Scrape {
  return new Map(
    families.map((family) => {
      const metrics = new Map(family.metrics.map((metric) => [seriesId(metric.labels), metric]));
      return [family.name, { family, metrics }];
    }),
  );
}

/** Labels are ordered by name in listings as in scrapes, and UTF-8 has no byte 0xFF. */
function seriesId(labels: readonly Label[]): string {
  return labels.map(({ name, value }) => `${name}\xff${value}`).join("\xff");
}

function combine(group: ListedGroup, scrape: Scrape): GoGroup {
  const families = group.families.map((family) => toGoFamily(group, family, scrape.get(family.name)));
  return { labels: group.labels, families: families.sort(byFamilyName) };
}

function toGoFamily(group: ListedGroup, listed: ListedFamily, scraped: ScrapedFamily | undefined): GoFamily {
  const { name, type, time } = listed;
  const metrics = listed.series.map((labels) => {
    const metric = scraped?.metrics.get(seriesId(labels));
    if (metric === undefined || scraped?.family.type !== type) throw unmatched(group, listed, labels);
    return metric;
  });
  const family: MetricFamily = { name, type, metrics };
  const help = listed.help ?? emptyHelp(scraped);
  if (help !== undefined) family.help = help;
  return { family, time };
}

/** The listing does not tell an empty help from none. (Otherwise it knows better, since groups may differ in their help.) */
function emptyHelp(scraped: ScrapedFamily | undefined): ByteString | undefined {
  return scraped?.family.help === "" ? "" : undefined;
}

function unmatched(group: ListedGroup, { name, type }: ListedFamily, labels: readonly Label[]): WaystationError {
  const series = fromByteString(name) + describeLabels(new Map(labels.map((label) => [label.name, label.value])));
  return new WaystationError(
    "INCONSISTENT",
    `${series} of group ${describeLabels(group.labels)} is in the query API, but not as ${type} among the scraped metrics: ` +
      "is the telemetry path right? If so, import the persistence file instead",
  );
}
