/** Assertions: a broken one is a bug of ours, never a fault of the input, and ends the work loudly. */

export class AssertionFailed extends Error {
  override readonly name = 'AssertionFailed';
}

export function assert(condition: boolean, says: string): asserts condition {
  if (!condition) throw new AssertionFailed(`bug: ${says}`);
}

/** For the last branch of a switch over a union: the compiler proves that nothing reaches it. */
export function unreachable(value: never): never {
  throw new AssertionFailed(`bug: unexpected ${JSON.stringify(value)}`);
}
