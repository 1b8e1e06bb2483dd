/**
 * The table of docs/RELIABILITY.md: every fault the engine must survive, what is promised, and the tests that prove it.
 *
 * The tests are found by their tags: a comment `// fault 13` (or `// faults 13, 16`) on the line before a test or a group
 * of tests. A fault that no test names is shown as open. `node scripts/reliability-table.ts --write` puts the table into the
 * page; without it, it is printed.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PAGE = join(ROOT, 'docs/RELIABILITY.md');
const BEGIN = '<!-- faults -->';
const END = '<!-- /faults -->';

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

interface TaggedTest {
  readonly file: string;
  readonly title: string;
}

/** The tests that name each fault, by its number. */
export function taggedTests(root = ROOT): Map<number, TaggedTest[]> {
  const byFault = new Map<number, TaggedTest[]>();
  const folder = join(root, 'test');
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  for (const name of names.filter((one) => /\.(?:test|contract)\.ts$/.test(one)).sort()) {
    const file = relative(root, join(folder, name)).replaceAll('\\', '/');
    for (const { faults, title } of tagsOf(readFileSync(join(folder, name), 'utf8'), file)) {
      for (const fault of faults) byFault.set(fault, [...(byFault.get(fault) ?? []), { file, title }]);
    }
  }
  return byFault;
}

/** Tags of one file's text; a tag that stands before no test is an error. */
export function tagsOf(text: string, file: string): { readonly faults: readonly number[]; readonly title: string }[] {
  return [...text.matchAll(/^[ \t]*\/\/ faults? (\d+(?:, \d+)*)\n/gm)].map((tag) => {
    const test = text.slice(tag.index + tag[0].length);
    const title = /^\s*(?:it|describe)\b[\s\S]*?(['"`])((?:\\.|(?!\1).)*)\1,\s*(?:async\b|\(|\{)/.exec(test)?.[2];
    if (title === undefined) throw new Error(`${file}: «${tag[0].trim()}» stands before no test`);
    const faults = (tag[1] as string).split(', ').map(Number);
    const unknown = faults.find((fault) => FAULT_ROWS[fault - 1] === undefined);
    if (unknown !== undefined) throw new Error(`${file}: there is no fault ${unknown}`);
    return { faults, title: title.replaceAll(/\\(['"`])/g, '$1') };
  });
}

export function reliabilityTable(tests = taggedTests()): string {
  const rows = FAULT_ROWS.map(({ fault, promise }, index) => {
    const proofs = (tests.get(index + 1) ?? []).map(({ file, title }) => `\`${file}\`: ${cell(title)}`);
    return `| ${index + 1} | ${fault} | ${promise} | ${proofs.length === 0 ? '**open**' : proofs.join('<br>')} |`;
  });
  return ['| # | fault | promise | shown by |', '|---|---|---|---|', ...rows, ''].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

/** What stands between the markers of a page. */
export function tableIn(page: string): string | undefined {
  const from = page.indexOf(BEGIN);
  const to = page.indexOf(END);
  return from < 0 || to < from ? undefined : page.slice(from + BEGIN.length, to).replace(/^\n/, '');
}

function main(): void {
  const table = reliabilityTable();
  if (!process.argv.includes('--write')) {
    process.stdout.write(table);
    return;
  }
  const page = readFileSync(PAGE, 'utf8');
  const stale = tableIn(page);
  if (stale === undefined) throw new Error(`docs/RELIABILITY.md holds no ${BEGIN} and ${END}`);
  const from = page.indexOf(BEGIN) + BEGIN.length;
  writeFileSync(PAGE, `${page.slice(0, from)}\n${table}${page.slice(page.indexOf(END))}`);
}

if (import.meta.main) main();
