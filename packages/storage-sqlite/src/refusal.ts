import type { ErrorCode } from "@waystation/core";

/**
 * A failure with the code and the message of a `WaystationError`, which it becomes where it leaves this package. All that runs in the
 * worker throws these and takes no more than types from core: loading core there took 12 MB, and twice the time to open a journal.
 */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
