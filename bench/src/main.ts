/**
 * Waystation beside the Go Pushgateway, in one run on one machine, so that ratios mean something even if the machine is slow or noisy.
 *
 *   pnpm bench                          stores of 1,000, 10,000 and 100,000 series
 *   pnpm bench --series 1000,50000      other sizes
 *   pnpm bench --seconds 10 --rounds 5  longer, and more often
 *   pnpm bench --short                  seconds in all: does the bench itself work?
 *
 * Every gateway is filled with groups of 100 series. Then the gateways take turns: single pushes one after the other, pushes over 16
 * connections, scrapes with a push before each. Shown are medians over the rounds. The Go Pushgateway is there if PEER_PUSHGATEWAY
 * names it or `scripts/peers` has fetched it; it keeps nothing on disk, Waystation does so in all but the memory row.
 */
import { parseArgs } from "node:util";
import { GatewayProcess } from "../../conformance/src/gateway-process.ts";
import { findPeer } from "../../conformance/src/peer.ts";
import { WAYSTATION_COMMAND } from "../../conformance/src/waystation.ts";
import { fill, measurePushes, measureScrapes, type PushFigures, residentBytes, type ScrapeFigures } from "./measure.ts";
import { median, printTable } from "./report.ts";

const { values: options } = parseArgs({
  options: {
    series: { type: "string", default: "1000,10000,100000" },
    seconds: { type: "string", default: "3" },
    rounds: { type: "string", default: "3" },
    short: { type: "boolean", default: false },
  },
});
const sizes = options.short ? [1000] : options.series.split(",").map(Number);
const seconds = options.short ? 0.3 : Number(options.seconds);
const rounds = options.short ? 1 : Number(options.rounds);

const peer = findPeer();
const contenders = [
  ...(peer === undefined ? [] : [{ name: "Go Pushgateway", command: peer, flags: ["--persistence.file="] }]),
  { name: "Waystation, SQLite", command: WAYSTATION_COMMAND, flags: ["--storage=sqlite:{dir}/waystation.db"] },
  { name: "Waystation, files", command: WAYSTATION_COMMAND, flags: ["--storage=file:{dir}/journal"] },
  { name: "Waystation, memory", command: WAYSTATION_COMMAND, flags: ["--storage=memory:"] },
];
if (peer === undefined) console.log("The Go Pushgateway is not here (scripts/peers fetches it): Waystation alone.");

interface Figures {
  readonly single: PushFigures;
  readonly parallel: PushFigures;
  readonly scrape: ScrapeFigures;
}

for (const size of sizes) {
  const gateways = await Promise.all(contenders.map(({ command, flags }) => GatewayProcess.start(command, flags)));
  try {
    for (const gateway of gateways) await fill(gateway, size);
    const figures: Figures[][] = contenders.map(() => []);
    for (let round = 0; round < rounds; round++) {
      for (const [at, gateway] of gateways.entries()) {
        figures[at]!.push({
          single: await measurePushes(gateway, 1, seconds),
          parallel: await measurePushes(gateway, 16, seconds),
          scrape: await measureScrapes(gateway, seconds),
        });
      }
    }
    const rows = contenders.map(({ name }, at) => {
      const of = (pick: (figures: Figures) => number) => median(figures[at]!.map(pick));
      return [
        name,
        of(({ single }) => single.p50).toFixed(2),
        of(({ single }) => single.p99).toFixed(2),
        of(({ parallel }) => parallel.perSecond).toFixed(0),
        of(({ scrape }) => scrape.p50).toFixed(1),
        of(({ scrape }) => scrape.bytes / 1e6).toFixed(2),
        (residentBytes(gateways[at]!) / 1e6).toFixed(0),
      ];
    });
    console.log(`\n${size.toLocaleString("en")} series stored\n`);
    printTable(["", "push p50 ms", "p99 ms", "pushes/s, 16 at once", "scrape p50 ms", "MB", "resident MB"], rows);
  } finally {
    await Promise.all(gateways.map((gateway) => gateway.stop()));
  }
}
