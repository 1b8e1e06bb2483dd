/** The verdict of a soak: what is wrong with lines, receipts, debts and curves is seen, and nothing else is called wrong. */
import { Buffer } from 'node:buffer';
import { describe, expect, it } from 'vitest';
import { WrongUsage } from '../../bench/options.ts';
import { flatness, RISE_SHARE_MAX, type Sample } from '../../bench/soak/curves.ts';
import { soakSvg } from '../../bench/soak/curvesSvg.ts';
import { type Evidence, judge, type SeenBatch, type SentFile } from '../../bench/soak/judge.ts';
import { clientLoads } from '../../bench/soak/load.ts';
import { parseSoakOptions } from '../../bench/soak/options.ts';
import { recordText } from '../../src/core/catalogue.ts';
import type { RecordCodeName } from '../../src/core/codes.ts';
import { AS_OF, type Outcome, type Truth } from '../e2e/files.ts';

const row = (line: number, ref: string, outcome: Outcome, cents: bigint | undefined, code = ''): Truth => ({
  line,
  ref,
  outcome,
  code,
  cents,
});

/** The generator states of each file what a first ingest answers: the later ones of a client are told by the model. */
const FIRST: readonly Truth[] = [
  row(2, 'A', 'created', 100n),
  row(3, 'B', 'created', 250n),
  row(4, 'A', 'duplicate', 100n, 'DUPLICATE_REF'),
  row(5, '', 'rejected', undefined, 'REQUIRED'),
];
const REVISED: readonly Truth[] = [
  row(2, 'A', 'updated', 999n),
  row(3, 'B', 'unchanged', 250n),
  row(4, 'D', 'created', 1n),
];

const says = (code: string): string => recordText(code as RecordCodeName);
const REJECT = 'REQUIRED';
const HEADER = 'line,external_ref,outcome,code,message';
/** Written by hand: what the engine must have answered, `first.csv` before `revised.csv`. */
const FIRST_RETORNO = [
  HEADER,
  '2,A,created,,',
  '3,B,created,,',
  `4,A,duplicate,DUPLICATE_REF,"${says('DUPLICATE_REF')}, on line 2"`,
  `5,,rejected,${REJECT},"${says(REJECT)}"`,
];
const REVISED_RETORNO = [HEADER, '2,A,updated,,', '3,B,unchanged,,', '4,D,created,,'];

const RECEIPTS = {
  first: receipt({ created: [2, 350], duplicate: [1, 100], rejected: [1, 0] }, [4, 450]),
  revised: receipt({ created: [1, 1], updated: [1, 999], unchanged: [1, 250] }, [3, 1250]),
};

function receipt(of: Partial<Record<Outcome, readonly [number, number]>>, total: readonly [number, number]): string {
  const all = ['created', 'updated', 'unchanged', 'duplicate', 'rejected'] as const;
  const field = (i: 0 | 1) =>
    Object.fromEntries([['total', total[i]], ...all.map((outcome) => [outcome, of[outcome]?.[i] ?? 0])]);
  return JSON.stringify({ lines: field(0), cents: field(1) });
}

const SENT: readonly SentFile[] = [
  { client: 'acme', name: 'first.csv', truth: () => FIRST },
  { client: 'acme', name: 'revised.csv', truth: () => REVISED },
];

interface World {
  batches: SeenBatch[];
  retornos: Record<string, string[]>;
  debts: (readonly [string, bigint])[];
  remains: string[];
}

function soundWorld(): World {
  const batch = { state: 'completed', failure: null };
  return {
    // As a list of the newest has them: the order is that of the numbers.
    batches: [
      { ...batch, id: 'b2', file: 'revised.csv', number: 2, receipt: RECEIPTS.revised },
      { ...batch, id: 'b1', file: 'first.csv', number: 1, receipt: RECEIPTS.first },
    ],
    retornos: { b1: [...FIRST_RETORNO], b2: [...REVISED_RETORNO] },
    debts: [
      ['A', 999n],
      ['B', 250n],
      ['D', 1n],
    ],
    remains: [],
  };
}

async function verdictOn(change: (world: World) => void = () => {}) {
  const world = soundWorld();
  change(world);
  const evidence: Evidence = {
    batches: async () => world.batches,
    retorno: async (batch) => Buffer.from(`${(world.retornos[batch] ?? []).join('\n')}\n`),
    async *debts() {
      yield* world.debts;
    },
    remains: async () => world.remains,
  };
  return await judge(SENT, evidence);
}

describe('the verdict', () => {
  it('is clean where all is as the model has it', async () => {
    const verdict = await verdictOn();
    expect(verdict).toEqual({
      problems: [],
      problemsUntold: 0,
      batches: 2,
      lines: { created: 3, updated: 1, unchanged: 1, duplicate: 1, rejected: 1 },
      debts: 3,
    });
  });

  it.each<readonly [what: string, change: (world: World) => void, problem: RegExp]>([
    ['a lost line', (w) => w.retornos['b1']?.splice(2, 1), /first\.csv: row 2 .* line 4.* should be of line 3/],
    ['a lost last line', (w) => w.retornos['b2']?.pop(), /revised\.csv: the retorno lacks line 4/],
    ['a line answered twice', (w) => w.retornos['b2']?.push('4,D,created,,'), /a row too many, of line 4/],
    ['another outcome', (w) => w.retornos['b2']?.splice(1, 1, '2,A,created,,'), /line 2, created .* line 2, updated/],
    ['a debt stored twice', (w) => w.debts.push(['A', 999n]), /acme: a debt is stored twice/],
    ['a debt of no file', (w) => w.debts.push(['C', 5n]), /that no file brought/],
    ['a debt that is lost', (w) => w.debts.pop(), /1 debts are not stored/],
    ['an amount that is not the last', (w) => w.debts.splice(0, 1, ['A', 100n]), /100 cents; it should have 999/],
    ['a file that was lost', (w) => w.batches.shift(), /revised\.csv has no batch/],
    ['a file taken twice', (w) => w.batches.push({ ...w.batches[0]!, id: 'b3', number: 3 }), /a second batch, b3/],
    [
      'a file of nobody',
      (w) => w.batches.push({ ...w.batches[0]!, id: 'b3', file: 'x' }),
      /b3 is of a file that nobody/,
    ],
    ['a batch that stalled', (w) => w.batches.splice(0, 1, { ...w.batches[0]!, state: 'stalled' }), /is stalled/],
    [
      'a receipt that is off',
      (w) => w.batches.splice(0, 1, { ...w.batches[0]!, receipt: RECEIPTS.first }),
      /receipt has/,
    ],
    ['no receipt', (w) => w.batches.splice(0, 1, { ...w.batches[0]!, receipt: null }), /no receipt/],
    ['something left over', (w) => w.remains.push('staging/x'), /left over: staging\/x/],
    [
      'the other order of acceptance',
      (w) => w.batches.splice(0, 2, { ...w.batches[0]!, number: 1 }, { ...w.batches[1]!, number: 2 }),
      /revised\.csv: row 1 .*updated.*created/,
    ],
  ])('sees %s', async (_, change, problem) => {
    const { problems } = await verdictOn(change);
    expect(problems.join('\n')).toMatch(problem);
  });

  it('knows dry runs, which register nothing, and files that were cancelled, or were too far on for that', async () => {
    const of = (state: string, retorno: string[], fate: SentFile['fate'], debts: World['debts']) =>
      judge([{ client: 'acme', name: 'f.csv', truth: () => FIRST, ...(fate === undefined ? {} : { fate }) }], {
        batches: async () => [{ id: 'b1', file: 'f.csv', number: 1, state, receipt: RECEIPTS.first, failure: null }],
        retorno: async () => Buffer.from(`${retorno.join('\n')}\n`),
        async *debts() {
          yield* debts;
        },
        remains: async () => [],
      }).then(({ problems }) => problems.join('\n'));
    const stored = [['A', 100n] as const, ['B', 250n] as const];
    expect(await of('completed', FIRST_RETORNO, 'dry', [])).toBe('');
    expect(await of('completed', FIRST_RETORNO.with(1, '2,A,unchanged,,'), 'dry', [])).toBe('');
    expect(await of('completed', FIRST_RETORNO.with(1, '2,A,rejected,,'), 'dry', [])).toMatch(/line 2 of a dry run/);
    expect(await of('completed', FIRST_RETORNO.slice(0, -1), 'dry', [])).toMatch(/3 rows of 4/);
    expect(await of('completed', FIRST_RETORNO, 'dry', stored)).toMatch(/that no file brought/);
    expect(await of('cancelled', [], 'cancellable', [])).toBe('');
    expect(await of('cancelled', [], 'cancellable', stored)).toMatch(/that no file brought/);
    expect(await of('completed', FIRST_RETORNO, 'cancellable', stored)).toBe('');
    expect(await of('completed', FIRST_RETORNO, 'cancellable', [])).toMatch(/2 debts are not stored/);
    expect(await of('cancelled', [], undefined, [])).toMatch(/is cancelled/);
  });

  it('tells the first problems and counts the others', async () => {
    const verdict = await verdictOn((world) =>
      world.remains.push(...Array.from({ length: 50 }, (_, i) => `file ${i}`)),
    );
    expect(verdict.problems).toHaveLength(20);
    expect(verdict.problemsUntold).toBe(30);
  });
});

const SECONDS = 400;

/** One sample a second; `rss` of the second and the process. */
function samplesOf(rss: (seconds: number, life: number) => number, lifeSeconds = Number.POSITIVE_INFINITY): Sample[] {
  return Array.from({ length: SECONDS + 1 }, (_, seconds) => {
    const life = Math.floor(seconds / lifeSeconds);
    return {
      seconds,
      life,
      rssBytes: rss(seconds, life),
      descriptors: 40,
      sockets: 10,
      folderBytes: 0,
      filesOpen: 1,
      linesDone: 0,
    };
  });
}

const MIB = 1024 * 1024;

describe('a curve', () => {
  it('is flat where it goes up and down', () => {
    const rss = flatness(
      samplesOf((s) => (400 + 60 * Math.sin(s)) * MIB),
      'rssBytes',
      SECONDS,
    );
    expect(rss.flat).toBe(true);
    expect(rss.mean / MIB).toBeCloseTo(400, -1);
  });

  it('is flat where it rose in the first half alone', () => {
    expect(
      flatness(
        samplesOf((s) => Math.min(s, 190) * 10 * MIB),
        'rssBytes',
        SECONDS,
      ),
    ).toMatchObject({ flat: true });
  });

  it('is not flat where it rises by more than its share of the mean', () => {
    const rss = flatness(
      samplesOf((s) => (400 + s) * MIB),
      'rssBytes',
      SECONDS,
    );
    expect(rss.rise / MIB).toBeCloseTo(200, 5);
    expect(rss.riseMax / MIB).toBeCloseTo(700 * RISE_SHARE_MAX, 5);
    expect(rss.flat).toBe(false);
  });

  it('is not flat where sockets are left open one by one', () => {
    const leaking = samplesOf(() => 1).map((sample) => ({ ...sample, sockets: 10 + Math.floor(sample.seconds / 6) }));
    expect(flatness(leaking, 'sockets', SECONDS).flat).toBe(false);
    expect(flatness(leaking, 'descriptors', SECONDS).flat).toBe(true);
  });

  it('may differ from one process to the next, and while each begins', () => {
    const rss = (s: number, life: number): number => (100 + 200 * life + Math.min(s - life * 200, 30) * 20) * MIB;
    expect(flatness(samplesOf(rss, 200), 'rssBytes', SECONDS)).toMatchObject({ flat: true, rise: 0 });
  });

  it('is not flat where each process grows', () => {
    const rss = (s: number, life: number): number => (100 + 3 * (s - life * 200)) * MIB;
    expect(flatness(samplesOf(rss, 200), 'rssBytes', SECONDS)).toMatchObject({ flat: false });
  });

  it('goes by the peaks of lives where none lived long enough: flat, and not flat', () => {
    const each = (s: number, life: number): number => (200 + 10 * (s - life * 20)) * MIB;
    expect(flatness(samplesOf(each, 20), 'rssBytes', SECONDS)).toMatchObject({ flat: true, rise: 0 });
    const growing = (s: number, life: number): number => each(s, life) + 10 * life * MIB;
    expect(flatness(samplesOf(growing, 20), 'rssBytes', SECONDS)).toMatchObject({ flat: false });
  });

  it('tells nothing where no process lived long enough, and few lived', () => {
    expect(
      flatness(
        samplesOf((s) => s * MIB, 80),
        'rssBytes',
        SECONDS,
      ).flat,
    ).toBeUndefined();
  });

  it('ends with the load', () => {
    const rss = samplesOf((s) => (s > 200 ? 4000 : 400) * MIB);
    expect(flatness(rss, 'rssBytes', 200)).toMatchObject({ flat: true, rise: 0 });
  });

  it('is drawn with its verdict', () => {
    const samples = samplesOf((s) => (400 + s) * MIB, 200);
    const flat = {
      rssBytes: flatness(samples, 'rssBytes', SECONDS),
      descriptors: flatness(samples, 'descriptors', SECONDS),
      sockets: flatness(samples, 'sockets', SECONDS),
    };
    const svg = soakSvg({ title: 'a & b', samples, loadSeconds: SECONDS, flat });
    expect(svg).toContain('a &amp; b');
    expect(svg).toContain('resident memory: NOT FLAT');
    expect(svg).toContain('sockets: flat');
    expect(svg.match(/<polyline/g)).toHaveLength(6 * 3);
  });
});

describe('the load', () => {
  const options = { seed: 7, clients: 2, giantLines: 5000, asOf: AS_OF };
  const drawn = (seed: number) =>
    clientLoads({ ...options, seed }).map((load) => Array.from({ length: 400 }, () => load.next()));

  it('is the same for the same seed, and another for another', () => {
    const names = (seed: number) => drawn(seed).map((files) => files.map(({ name, lines }) => `${name} ${lines}`));
    expect(names(7)).toEqual(names(7));
    expect(names(7)).not.toEqual(names(8));
  });

  it('has files of all sizes, and editions of the same debts', () => {
    const files = drawn(7)[0] ?? [];
    expect(new Set(files.map(({ name }) => name)).size).toBe(files.length);
    const few = files.filter(({ lines }) => lines <= 4);
    expect(few.some(({ lines }) => lines === 1)).toBe(true);
    expect(few.length).toBeGreaterThan(files.length / 2);
    expect(files.some(({ lines }) => lines === 5000)).toBe(true);
    const some = files.filter(({ lines }) => lines >= 900 && lines <= 3000);
    const [family] = some.map(({ content }) => content.split('-')[0]);
    const editions = some.filter(({ content }) => content.startsWith(`${family}-`));
    const [one, other] = [editions[0]!, editions.find(({ content }) => content !== editions[0]!.content)!];
    const refs = (file: typeof one) =>
      new Map(
        file
          .make()
          .truth.filter(({ outcome }) => outcome !== 'rejected')
          .map(({ ref, cents }) => [ref, cents]),
      );
    const [a, b] = [refs(one), refs(other)];
    const shared = [...a].filter(([ref]) => b.has(ref));
    expect(shared.length).toBeGreaterThan(700);
    expect(shared.some(([ref, cents]) => b.get(ref) !== cents)).toBe(true);
    expect(shared.some(([ref, cents]) => b.get(ref) === cents)).toBe(true);
  });
});

describe('the command line', () => {
  it('has defaults, and takes what is given', () => {
    expect(parseSoakOptions([])).toMatchObject({
      seconds: 60,
      driver: 'embedded',
      killEverySeconds: 0,
      linesPerSecondMax: 50_000,
    });
    expect(parseSoakOptions(['--driver', 'aws', '--faults', '--kill-every', '10', '--servers', 'real'])).toMatchObject({
      driver: 'aws',
      faults: true,
      killEverySeconds: 10,
      servers: 'real',
      linesPerSecondMax: 0,
    });
  });

  it('takes settings of the daemon', () => {
    const { set } = parseSoakOptions(['--set', 'REMESSA_THREADS=4', '--set', 'REMESSA_LOG_LEVEL=debug']);
    expect(set).toEqual({ REMESSA_THREADS: '4', REMESSA_LOG_LEVEL: 'debug' });
  });

  it.each([
    [['--seconds', '0']],
    [['--seconds', 'x']],
    [['--driver', 'gcp']],
    [['--faults']],
    [['--servers', 'npm']],
    [['--set', 'THREADS=2']],
    [['--unknown']],
  ])('refuses %j', (args) => {
    expect(() => parseSoakOptions(args)).toThrow(WrongUsage);
  });
});
