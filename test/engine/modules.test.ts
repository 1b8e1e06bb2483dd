/** Modules as a worker thread loads them: from files, by version, watched, and ended where they do not end by themselves. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { withDefaults } from '../../src/config/schema.ts';
import { systemClock } from '../../src/core/clock.ts';
import { isFault } from '../../src/core/faults.ts';
import { readModuleSource } from '../../src/engine/moduleSource.ts';
import type { ModuleDeclaration } from '../../src/engine/modules.ts';
import { makeWatch } from '../../src/engine/moduleWatch.ts';
import { WorkerPool } from '../../src/engine/pool.ts';
import { withModule } from '../../src/stages/picking/moduleWork.ts';
import type { ModuleCall, TASKS } from './moduleWorker.ts';

let folder: string;
let pool: WorkerPool<typeof TASKS>;

beforeAll(() => {
  pool = new WorkerPool({
    workerUrl: new URL('./moduleWorker.ts', import.meta.url),
    workerData: null,
    threads: 1,
    heapMiB: 64,
  });
});
afterAll(async () => {
  await pool.close();
});
const folders: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'remessa-modules-'));
  folders.push(folder);
});
afterAll(() => {
  for (const one of folders) rmSync(one, { recursive: true });
});

function write(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

const call = (args: Partial<ModuleCall> = {}) => pool.run('call', { folder, name: 'm', watch: makeWatch(), ...args });
const declared = async (text: string): Promise<ModuleDeclaration> => {
  write({ 'm.ts': text });
  return (await call()) as ModuleDeclaration;
};
const RECORD = 'export function record() { return {}; }\n';

async function faultOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (isFault(error)) return error.message;
    throw error;
  }
  return 'no fault';
}

describe('a module', () => {
  it('is TypeScript that runs as it stands, with what it imports of its folder and of Node', async () => {
    write({
      'm.ts': `import type { ModuleInput } from '/nowhere/types.ts';
        import { createHash } from 'node:crypto';
        import { twice } from './lib/twice.ts';
        import table from './table.json' with { type: 'json' };
        export function record({ fields, line }: ModuleInput): object {
          return { external_ref: twice(String(line)), debtor_name: (table as Record<string, string>)[fields['k'] as string],
            installment: createHash('md5').update('x').digest('hex').slice(0, 4) };
        }`,
      'lib/twice.ts': `export { twice } from '../more.ts';`,
      'more.ts': 'export const twice = (text: string): string => text + text;',
      'table.json': '{"a":"Ana"}',
    });
    const { gives } = (await call({ fields: { k: 'a' } })) as { readonly gives: unknown };
    expect(gives).toEqual({ external_ref: '77', debtor_name: 'Ana', installment: '9dd4' });
  });

  it('declares what it may make of a record, and the codes by which it refuses', async () => {
    expect(await declared(RECORD)).toMatchObject({ name: 'm', recordsMax: 1, rejects: [] });
    const text = `${RECORD}export const recordsMax = 200;
      export const rejects = { ONE_LANGUAGE: 'plain', BOTH: { en: 'paid', 'pt-BR': 'pago' } };`;
    expect(await declared(text)).toMatchObject({
      recordsMax: 200,
      rejects: [
        { name: 'ONE_LANGUAGE', says: { en: 'plain', 'pt-BR': 'plain' } },
        { name: 'BOTH', says: { en: 'paid', 'pt-BR': 'pago' } },
      ],
    });
  });

  it.each<[string, string, RegExp]>([
    ['no function', 'export const record = 1;', /exports no function `record`/],
    ['an async function', 'export async function record() {}', /asynchronous or a generator/],
    ['a generator', 'export function* record() {}', /asynchronous or a generator/],
    ['no syntax', 'export function record( {', /SyntaxError|ERR_INVALID_TYPESCRIPT_SYNTAX/],
    ['syntax that is more than types', 'enum A { B }\nexport function record() {}', /enum/],
    ['a throw', "throw new Error('at load')", /Error: at load/],
    ['a package', `import 'undici';\n${RECORD}`, /«undici» is no file that a module may import/],
    ['a file outside', `import '../outside.ts';\n${RECORD}`, /«\.\.\/outside\.ts» is no file/],
    ['a file that is not there', `import './none.ts';\n${RECORD}`, /«\.\/none\.ts» is no file/],
    ['too many records', `${RECORD}export const recordsMax = 201;`, /recordsMax is a whole number from 1 to 200/],
    ['a code that is none', `${RECORD}export const rejects = { paid: 'x' };`, /«paid» is no code/],
    [
      "a code of the engine's",
      `${RECORD}export const rejects = { CPF_FORMAT: 'x' };`,
      /CPF_FORMAT is a code of the engine's/,
    ],
    ['a code without words', `${RECORD}export const rejects = { PAID: '' };`, /PAID needs one plain sentence/],
    ['words of one language', `${RECORD}export const rejects = { PAID: { en: 'x' } };`, /one for each of en and pt-BR/],
    ['words that are a formula', `${RECORD}export const rejects = { PAID: '=1+1' };`, /PAID needs one plain sentence/],
    [
      'too many codes',
      `${RECORD}export const rejects = Object.fromEntries(Array.from({ length: 65 }, (_, n) => ['CODE_' + n, 'x']));`,
      /more than 64 codes/,
    ],
  ])('with %s is refused, with the reason', async (_, text, why) => {
    write({ 'm.ts': text });
    const says = await faultOf(call());
    expect(says).toMatch(/^CODE_INVALID: .*module m; /);
    expect(says).toMatch(why);
  });

  it('that is not there is refused, and so is any where no folder is set', async () => {
    expect(await faultOf(call())).toMatch(/^CODE_UNKNOWN: .*module m; no file m\.ts/);
    expect(await faultOf(call({ folder: '' }))).toMatch(/^CODE_UNKNOWN: .*REMESSA_CODE_DIR names no folder/);
  });

  it('tells where it threw, and of what kind, and nothing of what it said', async () => {
    write({
      'm.ts': `import { parse } from './lib/parse.ts';\nexport function record({ fields }) { return parse(fields.text); }`,
      'lib/parse.ts': 'export function parse(text: string) {\n  return JSON.parse(text);\n}',
    });
    const { says, tells } = (await call({ fields: { text: 'Maria 529.982.247-25' } })) as Record<string, string>;
    expect(says).toBe('SyntaxError at lib/parse.ts:2:15');
    expect(tells).toMatch(/^SyntaxError at lib\/parse\.ts:2:15: .*Maria/);
  });

  it.each([
    ["throw 'Maria'", 'it threw a string'],
    ['throw null', 'it threw a object'],
    ["throw Object.assign(new Error('x'), { name: 'Maria Silva', stack: 7 })", 'an error'],
    ['throw { get stack() { throw 1; } }', 'it threw a object'],
    ["throw Object.defineProperty(new Error('x'), 'stack', { get() { throw 1; } })", 'it threw what cannot be told'],
  ])('may throw anything: %s', async (what, wanted) => {
    write({ 'm.ts': `export function record() { ${what}; }` });
    expect(await call({ fields: {} })).toMatchObject({ says: wanted });
  });

  it('says nothing: its console is nobody else’s output', async () => {
    write({ 'm.ts': `console.log('Maria');\nexport function record() { console.error('Maria'); return { a: 1 }; }` });
    expect(await call({ fields: {} })).toMatchObject({ gives: { a: 1 } });
  });
});

describe('the version of a module', () => {
  const versionOf = async (): Promise<string> => (await readModuleSource(folder, 'm')).version;

  it('is that of all that it is made of, and of nothing else', async () => {
    write({ 'm.ts': `import './a.ts';\n${RECORD}`, 'a.ts': "import './b.json' with { type: 'json' };", 'b.json': '1' });
    const first = await versionOf();
    expect(first).toMatch(/^[0-9a-f]{32}$/);
    write({ 'other.ts': 'x', 'm.cases.json': '[]' });
    expect(await versionOf()).toBe(first);
    const seen = new Set([first]);
    for (const [path, text] of [
      ['b.json', '2'],
      ['a.ts', "import './b.json' with { type: 'json' };\n"],
      ['m.ts', `import './a.ts';\n\n${RECORD}`],
    ] as const) {
      write({ [path]: text });
      seen.add(await versionOf());
    }
    expect(seen.size).toBe(4);
  });

  it('decides what runs: a file that changed is another module beside the one that was loaded', async () => {
    const text = (n: number) => `import { n } from './n.ts';\nexport function record() { return { n, v: ${n} }; }`;
    write({ 'm.ts': text(1), 'n.ts': 'export const n = 1;' });
    const first = (await call({ fields: {} })) as { readonly gives: unknown; readonly version: string };
    write({ 'n.ts': 'export const n = 2;' });
    const second = (await call({ fields: {} })) as typeof first;
    expect([first.gives, second.gives]).toEqual([
      { n: 1, v: 1 },
      { n: 2, v: 1 },
    ]);
    // The thread that has it goes on by it; one that has not is told that it is gone.
    expect(await call({ fields: {}, version: first.version })).toEqual(first);
    const elsewhere = new WorkerPool<typeof TASKS>({
      workerUrl: new URL('./moduleWorker.ts', import.meta.url),
      workerData: null,
      threads: 1,
      heapMiB: 64,
    });
    const wanted = { folder, name: 'm', watch: makeWatch(), version: first.version };
    const says = await faultOf(elsewhere.run('call', wanted));
    await elsewhere.close();
    expect(says).toMatch(new RegExp(`^CODE_CHANGED: .*module m; ${first.version} when .*, ${second.version} here`));
  });
});

describe('a module that does not end', () => {
  /** For what never ends; what ends is given all the time that a busy machine may need to load it. */
  const SHORT_MS = 200;
  const watched = (
    fields?: Readonly<Record<string, string>>,
    { codeRecordMs = 60_000, signal = new AbortController().signal } = {},
  ) =>
    withModule(
      { settings: { ...withDefaults({}, 1), codeRecordMs }, clock: systemClock },
      'm',
      { batch: 'b-1', range: 3 },
      signal,
      (watch, ending) =>
        pool.run('call', { folder, name: 'm', watch, ...(fields === undefined ? {} : { fields }) }, { signal: ending }),
    );

  it('is ended with its thread, and named with the line; the pool goes on', async () => {
    write({ 'm.ts': 'export function record({ fields }) { while (fields.for === "ever"); return { a: 1 }; }' });
    // Loaded by then, so that its time is that of the record alone.
    expect(await watched({ for: 'once' })).toMatchObject({ gives: { a: 1 } });
    expect(await faultOf(watched({ for: 'ever' }, { codeRecordMs: SHORT_MS }))).toMatch(
      /^CODE_ENDLESS: .*\(module m; more than 200 ms; line 7, range 3, batch b-1\)$/,
    );
    expect(await watched({ for: 'once' })).toMatchObject({ gives: { a: 1 } });
  });

  it('is ended where it is only loaded', async () => {
    write({ 'm.ts': `for (;;);\n${RECORD}` });
    expect(await faultOf(watched(undefined, { codeRecordMs: SHORT_MS }))).toMatch(
      /^CODE_ENDLESS: .*\(module m; more than 200 ms; range 3, batch b-1\)$/,
    );
  });

  it('that ends its thread itself, or fills it, is named too', async () => {
    write({ 'm.ts': 'export function record() { process.exit(0); }' });
    expect(await faultOf(watched({}))).toMatch(/^CODE_CRASHED: .*\(module m; line 7, /);
    write({
      'm.ts': 'export function record() { const all: string[][] = []; for (;;) all.push(Array(100_000).fill("x")); }',
    });
    expect(await faultOf(watched({}))).toMatch(/^CODE_(?:CRASHED|ENDLESS): .*\(module m; /);
    write({ 'm.ts': RECORD });
    expect(await watched({})).toMatchObject({ gives: {} });
  });

  it('is not blamed where the work was stopped for another reason', async () => {
    write({ 'm.ts': 'export function record() { for (;;); }' });
    const ending = new AbortController();
    const work = faultOf(watched({}, { signal: ending.signal }));
    ending.abort();
    expect(await work).toMatch(/^LEASE_LOST/);
  });
});
