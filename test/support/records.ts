/** Staged pages made from lines of text by the kernel itself, for tests of what reads them. */
import { COLUMN_COUNT, KIND_COLUMN, REQUIRED_COLUMNS } from '../../src/kernel/columns.ts';
import { RangeKernel } from '../../src/kernel/kernel.ts';
import { DEFAULT_DIALECT, type RecordPlan } from '../../src/kernel/plan.ts';
import { compileProfile } from '../../src/kernel/profile.ts';
import { type LineValues, lineOf } from './files.ts';

export const REQUIRED_FIELDS: readonly number[] = Array.from({ length: REQUIRED_COLUMNS }, (_, column) => column);
export const ALL_FIELDS: readonly number[] = Array.from({ length: COLUMN_COUNT }, (_, column) => column);
export const HASH_SEED = 12_345;

/** The plan of lines of which a further field says whether their document is a CPF (`F`) or a CNPJ (`J`). */
function mixedPlan(plan: RecordPlan): RecordPlan {
  const profile = compileProfile({ format: 1, document: { kindFrom: { cpf: ['F'], cnpj: ['J'] } } });
  if ('problems' in profile || profile.reading === undefined) throw new Error('the profile is one');
  return { ...plan, fields: [...plan.fields, KIND_COLUMN], reading: profile.reading };
}

const isCnpj = ({ cpf = '' }: LineValues): boolean => cpf.length === 14;

/** The pages of one shard, as `feed` and `flush` give them; `recordsAPage` cuts them short. Lines begin at `firstLine`. */
export function pagesOf(
  lines: readonly LineValues[],
  fields: readonly number[] = REQUIRED_FIELDS,
  recordsAPage = Number.POSITIVE_INFINITY,
  firstLine = 2,
): Uint8Array[] {
  const pages: Uint8Array[] = [];
  let offset = 0;
  for (let from = 0; from < lines.length; ) {
    const to = Math.min(lines.length, from + recordsAPage);
    const some = lines.slice(from, to);
    const mixed = some.some(isCnpj);
    const written = some.map((line) => lineOf(line) + (mixed ? `,${isCnpj(line) ? 'J' : 'F'}` : ''));
    const text = Buffer.from(`${written.join('\n')}\n`);
    const plan = { dialect: DEFAULT_DIALECT, fields, recordBytesMax: 4096, shards: 1, hashSeed: HASH_SEED };
    const kernel = new RangeKernel(mixed ? mixedPlan(plan) : plan, firstLine + from, offset, 4096);
    const take = (): void => {
      for (let page = kernel.takePage(); page !== undefined; page = kernel.takePage()) pages.push(page.bytes.slice());
    };
    for (let at = 0; at < text.length; take()) at = kernel.feed(text, at, text.length, true);
    kernel.flush();
    take();
    if (kernel.totals().rejected > 0) throw new Error('a test stages good records only');
    offset += text.length;
    from = to;
  }
  return pages;
}
