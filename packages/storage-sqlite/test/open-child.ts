/** Opens the journal that is named by the first argument, says how that went, and ends without closing it. */
import { isWaystationError } from "@waystation/core";
import { SqliteJournal } from "@waystation/storage-sqlite";

const outcome = await new SqliteJournal({ path: process.argv[2]! }).open().then(
  () => ({ code: "none", message: "" }),
  (error) => ({ code: isWaystationError(error) ? error.code : "", message: String(error) }),
);
console.log(JSON.stringify(outcome));
