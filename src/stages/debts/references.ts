/** How a debt is asked for by its reference: with the hash that the engine stored it under, so that no other debt is read. */
import type { DebtFilter } from '../../io/ports/debts.ts';
import type { Registry } from '../../io/ports/registry.ts';
import { hashRef } from '../../kernel/hash.ts';

/** The filter for one reference, as its file wrote it; empty where none is given. */
export async function referenceFilter(
  registry: Pick<Registry, 'hashSeed'>,
  externalRef: string | undefined,
): Promise<Pick<DebtFilter, 'externalRef' | 'refHash'>> {
  if (externalRef === undefined) return {};
  const seed = await registry.hashSeed();
  if (seed === undefined) return { externalRef };
  const bytes = new TextEncoder().encode(externalRef);
  return { externalRef, refHash: hashRef(bytes, 0, bytes.length, seed) };
}
