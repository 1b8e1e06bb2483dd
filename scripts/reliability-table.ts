/**
 * The tables of docs/RELIABILITY.md and docs/SECURITY.md: every fault the engine must survive and every threat it must
 * stand, what is promised, and the tests that prove it.
 *
 * The tests are found by their tags: a comment `// fault 13` (or `// faults 13, 16`, `// threat 2`) on the line before a test
 * or a group of tests. A row that no test names is shown as open. `node scripts/reliability-table.ts --write` puts the tables
 * into the pages; without it, they are printed.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

export type ProofKind = 'fault' | 'threat';

export interface FaultRow {
  readonly fault: string;
  readonly promise: string;
}

/** By number, from 1. */
export const FAULT_ROWS: readonly FaultRow[] = [
  { fault: 'an object is announced again, or twice at once', promise: 'it is one batch: creation is conditional' },
  { fault: 'announcements out of order', promise: 'the states of one key are ordered by their sequencers' },
  { fault: 'an announcement that never comes', promise: 'a look at the bucket from time to time finds the object' },
  { fault: 'test events, several records, unknown fields', promise: 'each is taken or refused by itself; no crash' },
  { fault: 'keys of any characters', promise: 'decoded exactly once' },
  { fault: 'an object written over while it is read', promise: 'pinned reads fail, and the batch says why it ended' },
  { fault: 'an answer that ignores range or pin', promise: 'status, range, tag and length are checked' },
  { fault: 'a body cut short', promise: 'read on from the byte it had come to' },
  { fault: 'a body that stalls', promise: 'left at a deadline of progress, asked for again' },
  { fault: 'bytes spoilt, length right', promise: 'the checksum of the range tells, before anything is registered' },
  { fault: 'a cut anywhere: in quotes, line ends, characters', promise: 'the split is that of a sequential reading' },
  { fault: 'a quote never closed, a record without end', promise: 'the batch fails, with the line where it began' },
  {
    fault: 'a lease lost, two workers on one piece of work, the first woken late',
    promise: 'the first result stands; writes under an older turn are refused',
  },
  { fault: 'a heartbeat that fails', promise: 'the work stops before its lease is over; nothing is acknowledged' },
  { fault: 'a process killed after its write, before its acknowledgement', promise: 'the repetition changes nothing' },
  {
    fault: 'a process killed between a transition and its messages',
    promise: 'what is owed stands with the transition; the sweep sends it again',
  },
  { fault: 'a message taken whose answer is lost', promise: 'sent again; twice does no harm' },
  { fault: 'a batch of messages taken in part', promise: 'the rest is sent, or deleted, again' },
  { fault: 'items left unprocessed, even all', promise: 'asked again with pauses, in bounds, then a fault' },
  {
    fault: 'one key twice in a batch write',
    promise: 'keys carry range, attempt and page; a shard writes a reference once',
  },
  { fault: 'a conditional write applied whose answer is lost', promise: 'its repetition is known as the same write' },
  { fault: 'throttling', promise: 'the rate gives way; nothing is lost, nothing spins' },
  { fault: 'one debt in two files at once', promise: 'the order of acceptance decides' },
  { fault: 'a result that comes twice', promise: 'results are a set by the id of the work' },
  { fault: 'the last two ranges end together', promise: 'one transition, by counts that see every write' },
  {
    fault: 'work that always fails',
    promise: 'after so many recorded failures the batch fails, or stalls in its place until it is redriven',
  },
  { fault: 'a worker thread dies', promise: 'its piece of work is tried again; the pool lives on' },
  { fault: 'a slow store', promise: 'memory stays within its bounds' },
  { fault: 'a process told to end in the middle', promise: 'it finishes or gives back, and exits well in time' },
  { fault: 'a kept connection is reset', promise: 'asked again over another one' },
  { fault: 'disk errors, a full disk, torn files', promise: 'not acknowledged; opens clean again; says what to do' },
  { fault: 'two engines on one data folder', promise: 'the second is refused' },
  { fault: 'a webhook slow, failing, its answer lost', promise: 'an outbox, one id an event, bounded tries' },
  { fault: 'metrics, mail or events away', promise: 'ingestion goes on' },
  {
    fault: 'a clock that jumps',
    promise: 'leases run on monotonic time; a service’s own time counts for its deadlines',
  },
  {
    fault: 'a line appended while a submission is submitted',
    promise: 'closed first, then every acknowledged line read',
  },
  { fault: 'staged pages that expire', promise: 'the keeping time is checked at boot; a page that lacks is a fault' },
  { fault: 'an inbox file that stalls half-written, then grows', promise: 'voided before registering' },
  { fault: 'a cancellation while registering', promise: 'refused; before it, nothing of the batch stays' },
  { fault: 'gzip cut between members, or with bytes after it', promise: 'trailer, length and members are checked' },
];

/** By number, from 1. */
export const THREAT_ROWS: readonly FaultRow[] = [
  {
    fault: 'formulas in files that people open',
    promise: 'a cell that would begin one is quoted with an apostrophe, full-width signs too',
  },
  {
    fault: 'bombs: gzip, columns, records without end',
    promise: 'inflated size, ratio, members, nesting, header and record are capped; the file fails with the cap',
  },
  {
    fault: 'paths in keys and names',
    promise: 'keys are made by the engine, names are metadata; links are not followed',
  },
  {
    fault: 'a CPF where it can be read',
    promise: 'masked in logs, metrics, events, refusals and notices; in DynamoDB looked up by a keyed hash alone',
  },
  { fault: 'another client’s data', promise: 'the client comes from the key or the folder, never from what is sent' },
  {
    fault: 'API keys that are guessed, stolen or old',
    promise: 'random, kept as hashes, compared in constant time, ended by one command; refusals look alike',
  },
  {
    fault: 'webhooks that are turned on the inside',
    promise: 'signed; no redirects; the address is judged when it is connected to, in every way of writing it',
  },
  {
    fault: 'requests that are slow, large or many',
    promise: 'times, sizes, connections and rates are bounded, and refused with what to do',
  },
  {
    fault: 'a request sent twice, or another one under its key',
    promise: 'an Idempotency-Key is a client’s own, with a fingerprint of the body',
  },
  { fault: '`__proto__` and its like as names', promise: 'names like any other: refused where they are not known' },
  {
    fault: 'data kept beyond its right',
    promise: 'a person or a client is erased from every store unless held; a tombstone outlives later files',
  },
];

export const ROWS_OF: Readonly<Record<ProofKind, readonly FaultRow[]>> = { fault: FAULT_ROWS, threat: THREAT_ROWS };

export const PAGE_OF: Readonly<Record<ProofKind, string>> = {
  fault: join(ROOT, 'docs/RELIABILITY.md'),
  threat: join(ROOT, 'docs/SECURITY.md'),
};

interface TaggedTest {
  readonly file: string;
  readonly title: string;
}

/** The tests that name each row, by its number. */
export function taggedTests(kind: ProofKind = 'fault', root = ROOT): Map<number, TaggedTest[]> {
  const byRow = new Map<number, TaggedTest[]>();
  const folder = join(root, 'test');
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  for (const name of names.filter((one) => /\.(?:test|contract)\.ts$/.test(one)).sort()) {
    const file = relative(root, join(folder, name)).replaceAll('\\', '/');
    for (const { rows, title } of tagsOf(readFileSync(join(folder, name), 'utf8'), file, kind)) {
      for (const row of rows) byRow.set(row, [...(byRow.get(row) ?? []), { file, title }]);
    }
  }
  return byRow;
}

/** Tags of one file's text; a tag that stands before no test is an error. */
export function tagsOf(
  text: string,
  file: string,
  kind: ProofKind = 'fault',
): { readonly rows: readonly number[]; readonly title: string }[] {
  return [...text.matchAll(new RegExp(`^[ \\t]*// ${kind}s? (\\d+(?:, \\d+)*)\\n`, 'gm'))].map((tag) => {
    const test = text.slice(tag.index + tag[0].length).replace(/^(?:[ \t]*\/\/ (?:fault|threat)s? [0-9, ]+\n)+/, '');
    const title = /^\s*(?:it|describe)\b[\s\S]*?(['"`])((?:\\.|(?!\1).)*)\1,\s*(?:async\b|\(|\{)/.exec(test)?.[2];
    if (title === undefined) throw new Error(`${file}: «${tag[0].trim()}» stands before no test`);
    const rows = (tag[1] as string).split(', ').map(Number);
    const unknown = rows.find((row) => ROWS_OF[kind][row - 1] === undefined);
    if (unknown !== undefined) throw new Error(`${file}: there is no ${kind} ${unknown}`);
    return { rows, title: title.replaceAll(/\\(['"`])/g, '$1') };
  });
}

export function reliabilityTable(kind: ProofKind = 'fault', tests = taggedTests(kind)): string {
  const rows = ROWS_OF[kind].map(({ fault, promise }, index) => {
    const proofs = (tests.get(index + 1) ?? []).map(({ file, title }) => `\`${file}\`: ${cell(title)}`);
    return `| ${index + 1} | ${fault} | ${promise} | ${proofs.length === 0 ? '**open**' : proofs.join('<br>')} |`;
  });
  return [`| # | ${kind} | promise | shown by |`, '|---|---|---|---|', ...rows, ''].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

/** What stands between the markers of a page, and where. */
function marked(page: string, kind: ProofKind): { readonly from: number; readonly to: number } | undefined {
  const begin = `<!-- ${kind}s -->`;
  const from = page.indexOf(begin);
  const to = page.indexOf(`<!-- /${kind}s -->`);
  return from < 0 || to < from ? undefined : { from: from + begin.length, to };
}

export function tableIn(page: string, kind: ProofKind = 'fault'): string | undefined {
  const found = marked(page, kind);
  return found === undefined ? undefined : page.slice(found.from, found.to).replace(/^\n/, '');
}

function main(): void {
  for (const kind of ['fault', 'threat'] as const) {
    const table = reliabilityTable(kind);
    if (!process.argv.includes('--write')) {
      process.stdout.write(table);
      continue;
    }
    const page = readFileSync(PAGE_OF[kind], 'utf8');
    const found = marked(page, kind);
    if (found === undefined) throw new Error(`${PAGE_OF[kind]} has no markers of a table of ${kind}s`);
    writeFileSync(PAGE_OF[kind], `${page.slice(0, found.from)}\n${table}${page.slice(found.to)}`);
  }
}

if (import.meta.main) main();
