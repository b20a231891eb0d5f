import { type ScrapeForm, timeScrape } from "../http/scrape.ts";

/** Scrapes back to back, in these forms in turn, until something else is over. Returns how long each took, in milliseconds. */
export async function scrapeUntil(
  end: Promise<unknown>,
  port: number,
  forms: readonly ScrapeForm[],
): Promise<number[]> {
  let over = false;
  const finish = () => {
    over = true;
  };
  end.then(finish, finish);
  const times: number[] = [];
  do times.push((await timeScrape(port, forms[times.length % forms.length]!)).total);
  while (!over);
  return times;
}
