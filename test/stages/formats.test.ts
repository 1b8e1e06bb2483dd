/** Files that are not delimited, through a whole engine in memory, the small way and the large one. */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { FIXTURE_DEFAULTS, profileBlocks } from '../../src/cli/fixture.ts';
import type { CnabFormat } from '../../src/kernel/plan.ts';
import type { ProfileDocument } from '../../src/kernel/profile.ts';
import { renderAnswer } from '../../src/stages/answers/answers.ts';
import { oracleFrame } from '../oracle/cnabFrame.ts';
import { byteString, bytesOf } from '../oracle/grammar.ts';
import { compiled } from '../oracle/profiles.ts';
import { rowsOf } from '../support/files.ts';
import { TINY, World } from '../support/world.ts';

const AS_OF = '2026-08-01';
const C240: ProfileDocument = { format: 1, kind: 'cnab-240' };
const C400: ProfileDocument = { format: 1, kind: 'cnab-400', cnab: { bank: 'itau' } };
const JSONL: ProfileDocument = { format: 1, kind: 'json-lines' };
const FIXED: ProfileDocument = {
  format: 1,
  kind: 'fixed-width',
  fixedWidth: { bytes: 80, skip: ['H', 'T'] },
  columns: {
    external_ref: { at: 2, bytes: 12 },
    debtor_name: { at: 14, bytes: 30 },
    cpf: { at: 44, bytes: 14 },
    amount: { at: 58, bytes: 13 },
    due_date: { at: 71, bytes: 10 },
  },
};

function made(document: ProfileDocument, given: { lines?: number; badShare?: number } = {}) {
  const options = {
    ...FIXTURE_DEFAULTS,
    lines: 60,
    seed: 4,
    badShare: 0.4,
    duplicateShare: 0.05,
    asOf: AS_OF,
    ...given,
  };
  const form = { quoteAll: false, crlf: true, lotDebts: 13 };
  const blocks = [...profileBlocks(options, compiled(document), form, { truth: true })];
  const bytes = Buffer.concat(blocks.map(({ file }) => file));
  const truth = rowsOf(Buffer.concat(blocks.map(({ truth: rows }) => rows ?? new Uint8Array())).toString('utf8'));
  return { bytes, truth };
}

class Engine {
  readonly world: World;
  readonly #process;

  constructor(tiny: boolean) {
    this.world = tiny ? new World(TINY) : new World();
    this.#process = this.world.process();
  }

  async ingest(document: ProfileDocument, bytes: Uint8Array, dryRun = false) {
    const { world } = this;
    await world.clients.addProfile({ name: 'p', version: 1, document: JSON.stringify(document), createdAtMs: 0 });
    const batch = await world.accept(this.#process, bytes, { profile: 'p', asOf: AS_OF, dryRun });
    await world.drain(this.#process);
    const { state, failure, small } = world.stored(batch);
    const answer = (kind: 'retorno' | 'rejects') => world.answer(this.#process, batch, kind);
    return {
      state,
      failure,
      small,
      answer,
      resubmit: () => this.#resubmit(batch.id),
      receipt: () => world.receiptOf(batch),
    };
  }

  /** A byte string: files of one byte a character are no UTF-8. */
  async #resubmit(batch: string): Promise<string> {
    const blocks: Uint8Array[] = [];
    for await (const block of renderAnswer(this.#process, batch, 'resubmit')) blocks.push(block.slice());
    return byteString(Buffer.concat(blocks));
  }
}

const WAYS = [
  ['small', false],
  ['large', true],
] as const;

describe.each(WAYS)('the %s way', (_, tiny) => {
  it.each([
    ['CNAB 240', C240],
    ['CNAB 400', C400],
    ['JSON Lines', JSONL],
    ['fixed width', FIXED],
  ])('%s: truth, and a resubmit file that can be sent again', async (_name, document) => {
    const { bytes, truth } = made(document);
    const engine = new Engine(tiny);
    const batch = await engine.ingest(document, bytes);
    expect([batch.state, batch.small]).toEqual(['completed', !tiny]);
    const rows = rowsOf(await batch.answer('retorno'));
    expect(rows.map((row) => row.slice(0, 4))).toEqual(truth.map((row) => row.slice(0, 4)));
    expect(batch.receipt().cents.total).toBe(truth.reduce((sum, row) => sum + Number(row[4]), 0));

    const rejected = rows.filter((row) => row[2] === 'rejected');
    expect(rejected.length).toBeGreaterThan(10);
    const resubmit = bytesOf(await batch.resubmit());
    const again = await engine.ingest(document, resubmit);
    expect(again.failure).toBeNull();
    const rowsAgain = rowsOf(await again.answer('retorno'));
    expect(rowsAgain.map((row) => row.slice(1))).toEqual(rejected.map((row) => row.slice(1)));
    // Nothing was mended, so what comes back is what was sent.
    expect(await again.resubmit()).toBe(await batch.resubmit());
  });

  it('gzip and dry runs give the same answers', async () => {
    for (const document of [C240, C400, JSONL]) {
      const { bytes } = made(document);
      const plain = await new Engine(tiny).ingest(document, bytes);
      for (const other of [
        await new Engine(tiny).ingest(document, gzipSync(bytes)),
        await new Engine(tiny).ingest(document, bytes, true),
      ]) {
        for (const kind of ['retorno', 'rejects'] as const) {
          expect(await other.answer(kind)).toBe(await plain.answer(kind));
        }
        expect(await other.resubmit()).toBe(await plain.resubmit());
      }
    }
  });

  it('the frame of what is sent again is sound, and its debts are those that were refused, byte for byte', async () => {
    for (const document of [C240, C400]) {
      const { bytes, truth } = made(document);
      const batch = await new Engine(tiny).ingest(document, bytes);
      const text = await batch.resubmit();
      const format: CnabFormat = { ...(compiled(document).format!.format as CnabFormat), lineEnds: true };
      const first = text.indexOf('\n') + 1;
      expect(text.slice(0, first)).toBe(byteString(bytes).slice(0, first));
      const frame = oracleFrame(text, format, first, 2);
      expect(frame.fault).toBeUndefined();
      const lines = byteString(bytes).split('\n');
      const refused = truth.filter((row) => row[2] === 'rejected').map((row) => lines[Number(row[0]) - 1]!);
      const withoutNumber = (line: string): string =>
        format.kind === 'cnab-240' ? line.slice(0, 8) + line.slice(13) : line.slice(0, 394) + line.slice(400);
      const sent = new Set(text.split('\n').map(withoutNumber));
      for (const line of refused) expect(sent.has(withoutNumber(line)) || text.includes(`${line}\n`)).toBe(true);
    }
  });

  it('two debts that were refused are not joined to one where they are sent again', async () => {
    const apart = async (document: ProfileDocument, text: string, bare: boolean) => {
      const first = await new Engine(tiny).ingest(document, bytesOf(bare ? text.replaceAll('\r\n', '') : text));
      expect(first.failure).toBeNull();
      const refused = rowsOf(await first.answer('retorno')).filter((row) => row[2] === 'rejected');
      const again = await new Engine(tiny).ingest(document, bytesOf(await first.resubmit()));
      const rows = rowsOf(await again.answer('retorno'));
      expect(rows.map((row) => row.slice(1, 4))).toEqual(refused.map((row) => row.slice(1, 4)));
      return refused.map((row) => row[3]);
    };
    for (const bare of [false, true]) {
      // The second debt loses its Q, and the fifth its P; what stood between them is good.
      const lots = byteString(made(C240, { badShare: 0, lines: 12 }).bytes);
      const withoutMates = without(lots, (line) => /^.{13}Q/.test(line), 1);
      const orphaned = without(withoutMates, (line) => /^.{13}P/.test(line), 4);
      expect(await apart(C240, counted240(orphaned), bare)).toEqual(['CNAB_MATE_MISSING', 'CNAB_LINE_ALONE']);
      // The first debt is no entry; a line of type 2 stands alone behind one that is unknown.
      const numbered = byteString(made(C400, { badShare: 0, lines: 12 }).bytes).split('\r\n');
      numbered[1] = `${numbered[1]!.slice(0, 108)}02${numbered[1]!.slice(110)}`;
      numbered.splice(5, 0, 'X'.padEnd(400), `2${' '.repeat(399)}`);
      expect(await apart(C400, counted400(numbered), bare)).toEqual([
        'CNAB_MOVEMENT',
        'LINE_UNKNOWN',
        'CNAB_LINE_ALONE',
      ]);
    }
  });

  it('a CNAB file without line ends is one run of lines', async () => {
    for (const document of [C240, C400]) {
      const { bytes } = made(document, { badShare: 0 });
      const lines = byteString(bytes).split('\r\n');
      // Two debts that are no entries.
      for (const index of [4, 9]) {
        const at = document === C240 ? 15 : 108;
        lines[index] = `${lines[index]!.slice(0, at)}02${lines[index]!.slice(at + 2)}`;
      }
      const ended = await new Engine(tiny).ingest(document, bytesOf(lines.join('\r\n')));
      const bare = await new Engine(tiny).ingest(document, bytesOf(lines.join('')));
      expect(bare.failure).toBeNull();
      expect(await bare.answer('retorno')).toBe(await ended.answer('retorno'));
      // What is sent again has line ends: only an empty line keeps some debts apart.
      expect(await bare.resubmit()).toBe(await ended.resubmit());
      const again = await new Engine(tiny).ingest(document, bytesOf(await bare.resubmit()));
      expect([again.state, again.receipt().lines.rejected]).toEqual(['completed', bare.receipt().lines.rejected]);
    }
  });

  it('what is wrong with a frame ends the batch, with both numbers and the line', async () => {
    const { bytes } = made(C240, { badShare: 0, lines: 30 });
    const text = byteString(bytes);
    const failed = async (document: ProfileDocument, file: string): Promise<string> => {
      const { state, failure } = await new Engine(tiny).ingest(document, bytesOf(file));
      expect(state).toBe('failed');
      return failure?.message ?? '';
    };
    const lines = text.split('\r\n').length - 1;
    const count = String(lines).padStart(6, '0');
    expect(await failed(C240, text.replace(`000003${count}`, '000003000007'))).toMatch(
      new RegExp(`^CNAB_COUNT: .*the trailer counts 7 lines, ${lines} stand in the file; line ${lines}, byte`),
    );
    expect(await failed(C240, text.replace(`000003${count}`, `000004${count}`))).toMatch(
      /^CNAB_COUNT: .*the trailer counts 4 lots, 3 stand in the file; line/,
    );
    const lotTrailer = text.indexOf('34100015');
    expect(await failed(C240, `${text.slice(0, lotTrailer + 17)}000001${text.slice(lotTrailer + 23)}`)).toMatch(
      /^CNAB_COUNT: .*lot 1: the trailer counts 1 lines, (\d+) stand in it; line (\d+), byte/,
    );
    expect(await failed(C240, text.slice(0, text.lastIndexOf('34199999')))).toMatch(/^CNAB_TRUNCATED: .*lines; line/);
    expect(await failed(C240, text.slice(0, 242 * 7))).toMatch(/^CNAB_TRUNCATED/);
    expect(await failed(C240, byteString(made(C400).bytes))).toMatch(/^CNAB_HEADER: .*it has 400 bytes instead of 240/);
    const retorno = `${text.slice(0, 142)}2${text.slice(143)}`;
    expect(await failed(C240, retorno)).toMatch(/^CNAB_HEADER: .*it is a retorno/);
    const numbered = byteString(made(C400, { badShare: 0 }).bytes);
    expect(await failed(C400, numbered.replace(/000004\r\n/, '000005\r\n'))).toMatch(
      /^CNAB_SEQUENCE: .*it is numbered 5 and must be 4; line 4, byte/,
    );
    const bradesco = byteString(made({ ...C400, cnab: { bank: 'bradesco' } }).bytes);
    expect(await failed(C400, bradesco)).toMatch(/^CNAB_HEADER: .*of bank 237, .*the layout of bank 341; line 1, byte/);
    expect(await failed(C400, numbered.split('\r\n').toSpliced(5, 1).join('\r\n'))).toMatch(
      /^CNAB_SEQUENCE: .*line 6,/,
    );
  });

  it('files without records complete, those without bytes fail', async () => {
    expect((await new Engine(tiny).ingest(JSONL, bytesOf('\n\r\n'))).receipt().lines.total).toBe(0);
    expect((await new Engine(tiny).ingest(FIXED, bytesOf('Header\n\n'))).receipt().lines.total).toBe(0);
    expect((await new Engine(tiny).ingest(JSONL, bytesOf(''))).failure?.code).toBe('FILE_EMPTY');
    const { bytes } = made(C240, { lines: 0 });
    const none = await new Engine(tiny).ingest(C240, bytes);
    expect(none.receipt().lines.total).toBe(0);
    expect(await none.resubmit()).toBe(byteString(bytes));
  });

  it('a key that a JSON record lacks keeps what is stored, null and an empty text clear it', async () => {
    const engine = new Engine(tiny);
    const debt = (ref: string, more: object) =>
      `${JSON.stringify({ external_ref: ref, debtor_name: 'Ana Lima', cpf: '52998224725', amount: 10, due_date: '2026-01-10', ...more })}\n`;
    const stored = { debtor_email: 'a@b.co', account_type: 'CC' };
    await engine.ingest(JSONL, bytesOf(['A', 'B', 'C', 'D'].map((ref) => debt(ref, stored)).join('')));
    const second = await engine.ingest(
      JSONL,
      bytesOf(
        debt('A', {}) +
          debt('B', { debtor_email: null }) +
          debt('C', { debtor_email: '', account_type: 'CP' }) +
          debt('D', { debtor_email: 'a@b.co', installment: '1/2' }) +
          debt('E', { debtor_email: 'e@b.co' }),
      ),
    );
    const outcomes = rowsOf(await second.answer('retorno')).map((row) => [row[1], row[2]]);
    expect(outcomes).toEqual([
      ['A', 'unchanged'],
      ['B', 'updated'],
      ['C', 'updated'],
      ['D', 'updated'],
      ['E', 'created'],
    ]);
    const debts = engine.world.debts.all('acme').map(({ externalRef, debtorEmail, accountType, installment }) => {
      return [externalRef, debtorEmail, accountType, installment];
    });
    expect(debts.sort()).toEqual([
      ['A', 'a@b.co', 'CC', null],
      ['B', null, 'CC', null],
      ['C', null, 'CP', null],
      ['D', 'a@b.co', 'CC', '1/2'],
      ['E', 'e@b.co', null, null],
    ]);
  });
});

/** The text without the n-th (from 0) of its lines that are so. */
function without(text: string, is: (line: string) => boolean, n: number): string {
  let seen = 0;
  return text
    .split('\r\n')
    .filter((line) => !is(line) || seen++ !== n)
    .join('\r\n');
}

/** With trailers that count what stands there now: one lot of debts that are fewer than a lot may have. */
function counted240(text: string): string {
  const lines = text.split('\r\n');
  const number = (count: number): string => String(count).padStart(6, '0');
  return lines
    .map((line, index) => {
      if (line[7] === '5') return `${line.slice(0, 17)}${number(index)}${line.slice(23)}`;
      return line[7] === '9' ? `${line.slice(0, 23)}${number(index + 1)}${line.slice(29)}` : line;
    })
    .join('\r\n');
}

function counted400(lines: readonly string[]): string {
  return lines
    .map((line, index) => (line === '' ? line : line.slice(0, 394) + String(index + 1).padStart(6, '0')))
    .join('\r\n');
}
