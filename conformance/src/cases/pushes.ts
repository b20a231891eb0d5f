import { area, del, get, post, put, query, scrape, send } from "../case.ts";

export const methods = area("methods", {
  "PUT replaces the group": [
    put("/metrics/job/batch", "a 1\nb 1\n"),
    put("/metrics/job/batch", "b 2\nc 2\n"),
    scrape(),
    query("metrics"),
  ],
  "POST replaces the families it names": [
    post("/metrics/job/batch", '# TYPE a gauge\n# HELP a First.\na{x="1"} 1\na{x="2"} 1\nb 1\n'),
    post("/metrics/job/batch", 'a{x="3"} 2\nc 2\n'),
    scrape(),
    query("metrics"),
  ],
  "an empty PUT clears the group and keeps it": [
    put("/metrics/job/batch", "a 1\n"),
    put("/metrics/job/batch", ""),
    scrape(),
    query("metrics"),
  ],
  "an empty POST changes the time only": [
    post("/metrics/job/batch", "a 1\n"),
    post("/metrics/job/batch", ""),
    scrape(),
  ],
  "an empty push makes a group": [post("/metrics/job/a", ""), put("/metrics/job/b", ""), scrape(), query("metrics")],
  "a push of comments is an empty push": [
    put("/metrics/job/batch", "a 1\n"),
    put("/metrics/job/batch", "# HELP a Help only.\n# TYPE a gauge\n\n# more\n"),
    scrape(),
  ],
  "a type may change in one's own group": [
    put("/metrics/job/batch", "# TYPE a gauge\na 1\n"),
    post("/metrics/job/batch", "# TYPE a counter\na 1\n"),
    scrape(),
  ],
  "DELETE takes away the group": [
    put("/metrics/job/batch", "a 1\n"),
    put("/metrics/job/batch/x/1", "a 1\n"),
    del("/metrics/job/batch"),
    scrape(),
    query("metrics"),
  ],
  "DELETE of what is not there": [del("/metrics/job/none"), del("/metrics/job/none/x/y"), scrape()],
  "DELETE ignores a body": [
    put("/metrics/job/batch", "a 1\n"),
    del("/metrics/job/batch", { body: "} not metrics" }),
    scrape(),
  ],
  "a push after DELETE": [
    put("/metrics/job/batch", "# TYPE a gauge\na 1\n"),
    del("/metrics/job/batch"),
    put("/metrics/job/batch", "# TYPE a counter\na 2\n"),
    scrape(),
  ],
  "other methods": [
    get("/metrics/job/batch"),
    send("PATCH", "/metrics/job/batch"),
    send("OPTIONS", "/metrics/job/batch"),
    send("POST", "/metrics", { body: "a 1\n" }),
    send("DELETE", "/metrics"),
    scrape(),
  ],
  "any content type is text": [
    put("/metrics/job/a", "a 1\n", { headers: { "Content-Type": "application/x-www-form-urlencoded" } }),
    put("/metrics/job/b", "b 1\n", { headers: { "Content-Type": "application/json" } }),
    put("/metrics/job/c", "c 1\n", { headers: { "Content-Type": "text/plain; version=0.0.4; charset=utf-8" } }),
    put("/metrics/job/d", "d 1\n", { headers: { "Content-Type": "no such thing" } }),
    put("/metrics/job/e", "e 1\n", { headers: { "Content-Type": "multipart/form-data; boundary=x" } }),
    scrape(),
  ],
});

export const pushTime = area("push-time", {
  "of a first push": [put("/metrics/job/batch/x/1", "a 1\n"), scrape()],
  "is new with every push": [
    put("/metrics/job/batch", "a 1\n"),
    scrape(),
    scrape(),
    post("/metrics/job/batch", "a 1\n"),
    scrape(),
    put("/metrics/job/batch", "a 1\n"),
    scrape(),
  ],
  "is not touched by pushes to other groups": [
    put("/metrics/job/a", "a 1\n"),
    scrape(),
    put("/metrics/job/b", "b 1\n"),
    scrape(),
  ],
  "of a push that contradicts itself": [put("/metrics/job/batch", "a 1\na 2\n"), scrape(), query("metrics")],
  "of a failure after a success, and of a success after that": [
    put("/metrics/job/batch", "a 1\n"),
    scrape(),
    put("/metrics/job/batch", "a 1 1500000000000\n"),
    scrape(),
    query("metrics"),
    put("/metrics/job/batch", "a 2\n"),
    scrape(),
    query("metrics"),
  ],
  "is not set by what cannot be parsed": [
    put("/metrics/job/batch", "} 1\n"),
    put("/metrics/job/batch", "a\n"),
    scrape(),
    query("metrics"),
  ],
  "pushed by a client": [
    put("/metrics/job/batch", "push_time_seconds 1\n"),
    put("/metrics/job/batch", "# TYPE push_time_seconds counter\npush_time_seconds 1\n"),
    scrape(),
  ],
  "has an instance if the group has": [put("/metrics/job/batch/instance/i", "a 1\n"), scrape()],
});

export const labels = area("labels", {
  "grouping labels win": [
    put("/metrics/job/batch/instance/i/zone/z", 'a{job="x",instance="y",zone="w",k="v"} 1\n'),
    scrape(),
    query("metrics"),
  ],
  "an empty instance is added": [put("/metrics/job/batch", 'a 1\nb{x="y"} 2\n'), scrape()],
  "an instance of one's own is kept": [put("/metrics/job/batch", 'a{instance="i"} 1\na{instance=""} 2\n'), scrape()],
  "empty values are kept": [put("/metrics/job/batch", 'a{x=""} 1\nb{x="",y="1"} 2\n'), scrape()],
  "an empty label makes another series": [put("/metrics/job/batch", 'a 1\na{x=""} 2\n'), scrape()],
  "series that grouping labels make equal": [put("/metrics/job/batch/x/1", 'a{x="2"} 1\na{x="3"} 2\n'), scrape()],
  "escapes in values": [put("/metrics/job/batch", 'a{x="q\\"b\\\\n\\n"} 1\n'), scrape(), query("metrics")],
  "any UTF-8 in values": [put("/metrics/job/batch", 'a{x="π 漢 😀 \t"} 1\n'), scrape()],
  "reserved label names": [
    put("/metrics/job/batch", 'a{__x="1"} 1\n'),
    put("/metrics/job/batch", 'a{__name__="b"} 1\n'),
    scrape(),
  ],
  "a label twice": [put("/metrics/job/batch", 'a{x="1",x="2"} 1\n'), scrape()],
  "the order of labels": [put("/metrics/job/batch", 'a{z="1",B="2",a="3",_="4"} 1\n'), scrape(), query("metrics")],
});

export const admin = area("admin", {
  "wipe empties the gateway": [
    put("/metrics/job/a", "a 1\n"),
    put("/metrics/job/b/x/1", "b 1\n"),
    send("PUT", "/api/v1/admin/wipe"),
    scrape(),
    query("metrics"),
  ],
  "wipe by another method": [
    put("/metrics/job/a", "a 1\n"),
    post("/api/v1/admin/wipe", ""),
    get("/api/v1/admin/wipe"),
    scrape(),
  ],
  "health and readiness": [get("/-/healthy"), get("/-/ready"), send("POST", "/-/healthy")],
  "a state to ask for": [query("status"), query("metrics")],
});
