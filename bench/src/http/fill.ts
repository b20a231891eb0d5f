import type { DataSet } from "../data/data-set.ts";
import { RawConnection } from "./raw-connection.ts";

const CONNECTIONS = 16;

/**
 * Pushes one version of the data to the groups, all of them or those given, once each.
 *
 * @throws if any push is not taken
 */
export async function fill(
  port: number,
  data: DataSet,
  version = 0,
  groups: Iterable<number> = allGroups(data),
): Promise<void> {
  const remaining = groups[Symbol.iterator]();
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async () => {
      const connection = await RawConnection.open(port);
      try {
        for (let next = remaining.next(); !next.done; next = remaining.next()) {
          const status = await connection.send(data.request(next.value, version));
          if (status !== 200 && status !== 202)
            throw new Error(`a push to ${data.targetPrefix}${next.value} got ${status}`);
        }
      } finally {
        connection.close();
      }
    }),
  );
}

function* allGroups({ groups }: DataSet): Generator<number> {
  for (let group = 0; group < groups; group++) yield group;
}
