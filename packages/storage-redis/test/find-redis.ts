import { existsSync } from "node:fs";
import { findProgram, programOnPath, RedisProcess } from "./redis-process.ts";

/** A Redis that tests may use, each with a prefix of its own. */
export interface TestRedis {
  readonly url: string;
  /** How it was found, for the test's output. */
  readonly source: string;
  /** Ends it, if it was started for this test. */
  stop(): Promise<void>;
}

/** Why tests that need Redis are to be skipped, or false: the `skip` option of a test. */
export const skipRedis: string | false = process.env["SKIP_REDIS"] === "1" && "SKIP_REDIS=1";

/**
 * Finds a Redis: the one that TEST_REDIS_URL names; else one in a container, where Docker answers; else a `redis-server` of this
 * machine, started for the test. Rejects with the remedies if there is none.
 */
export async function findRedis(): Promise<TestRedis> {
  const url = process.env["TEST_REDIS_URL"];
  if (url) return { url, source: "TEST_REDIS_URL", stop: async () => {} };
  const container = await startContainer();
  if (container) return container;
  if (!programOnPath("redis-server") && !programOnPath("valkey-server")) {
    throw new Error(
      "no Redis for this test: set TEST_REDIS_URL, or start Docker, or install redis-server (Debian: apt-get install redis-server); " +
        "SKIP_REDIS=1 skips",
    );
  }
  const program = findProgram("redis-server", "valkey-server");
  const server = await RedisProcess.start([], program);
  return { url: server.url, source: program, stop: () => server.stop() };
}

/** Undefined where no Docker answers. */
async function startContainer(): Promise<TestRedis | undefined> {
  if (!process.env["DOCKER_HOST"] && !existsSync("/var/run/docker.sock")) return undefined; // spares loading the library
  const { GenericContainer, getContainerRuntimeClient } = await import("testcontainers");
  try {
    await getContainerRuntimeClient();
  } catch {
    return undefined;
  }
  const image = process.env["TEST_REDIS_IMAGE"] ?? "redis:8-alpine";
  const container = await new GenericContainer(image).withExposedPorts(6379).start();
  return {
    url: `redis://${container.getHost()}:${container.getMappedPort(6379)}`,
    source: `a container of ${image}`,
    stop: async () => {
      await container.stop();
    },
  };
}
