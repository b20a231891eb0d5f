import { area, del, put, query, scrape } from "../case.ts";

const flags = ["--push.enable-utf8-names"];
const accept = (value: string) => scrape({ headers: { Accept: value } });

export default area("utf8-names", {
  "quoted names in text": {
    flags,
    steps: [
      put(
        "/metrics/job/a",
        '# TYPE "my.metric" gauge\n# HELP "my.metric" Help.\n{"my.metric","label.one"="1"} 1\n{"größe"} 2\n',
      ),
      scrape(),
      accept("text/plain;version=1.0.0;escaping=allow-utf-8"),
      accept("text/plain;version=0.0.4;escaping=dots"),
      accept("text/plain;version=0.0.4;escaping=values"),
      query("metrics"),
    ],
  },
  "names in the path": {
    flags,
    steps: [
      put("/metrics/job/a/U__my_2e_label/x", "m 1\n"),
      put("/metrics/job/b/my.label/x", "m 1\n"),
      scrape({ ordered: false }),
      del("/metrics/job/a/my.label/x"),
      scrape({ ordered: false }),
    ],
  },
  "escapes that are none": {
    flags,
    steps: [
      put("/metrics/job/a/U__x_zz_y/1", "m 1\n"),
      put("/metrics/job/b/U__a__b/1", "m 1\n"),
      scrape({ ordered: false }),
    ],
  },
  "reserved names": {
    flags,
    steps: [put("/metrics/job/a/__x/1", "m 1\n"), put("/metrics/job/a/__name__/1", "m 1\n"), scrape()],
  },
  "not without the flag": [
    put("/metrics/job/a", '{"my.metric"} 1\n'),
    put("/metrics/job/a/U__my_2e_label/x", "m 1\n"),
    put("/metrics/job/a/my.label/x", "m 1\n"),
    scrape(),
  ],
});
