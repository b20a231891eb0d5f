/** Who is known, but may not do this. Answered with 403. */
export class AccessError extends Error {
  override readonly name = "AccessError";
}
