/**
 * The layout keeps itself: which folder may import which, who may touch the process, how long a file may be, and that
 * every file says in its opening comment what it is for. Docs: docs/ARCHITECTURE.md.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
const LINES_MAX = 450;

/** Folder → folders of src it may import, itself apart. Deeper names go before shallower ones. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  core: [],
  config: ['core'],
  kernel: ['core'],
  'io/ports': ['core'],
  'io/files': ['core'],
  'io/embedded': ['core', 'config', 'io/ports', 'io/files'],
  'io/http': ['core', 'io/ports'],
  'io/aws': ['core', 'config', 'kernel', 'io/ports', 'io/files'],
  engine: ['core', 'config', 'kernel', 'io/ports'],
  stages: ['core', 'config', 'kernel', 'engine', 'io/ports'],
  roles: ['core', 'config', 'kernel', 'engine', 'io/ports', 'stages'],
  api: ['core', 'config', 'engine', 'io/ports', 'stages'],
  cli: ['core', 'config', 'kernel', 'engine', 'io/ports', 'stages', 'roles'],
};

interface Source {
  readonly path: string;
  readonly text: string;
}

function sourcesBelow(folder: string): Source[] {
  return (
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      // AssemblyScript: another language with rules of its own.
      .filter((entry) => !entry.parentPath.endsWith('/assembly'))
      .map((entry) => join(entry.parentPath, entry.name))
      .map((path) => ({ path: relative(ROOT, path), text: readFileSync(path, 'utf8') }))
  );
}

function folderOf(path: string): string | undefined {
  const inside = relative('src', path);
  return Object.keys(MAY_IMPORT).find((folder) => inside.startsWith(`${folder}/`));
}

/** Modules a source imports by a relative path, at the top or with `import()`. */
function importsOf(source: Source): string[] {
  const found = source.text.matchAll(/(?:from|import)\s*\(?\s*['"](\.{1,2}\/[^'"]+)['"]/g);
  return [...found].map((match) => relative('.', join(dirname(source.path), match[1] as string)));
}

/** Breaches of the import direction, one text each. */
function breachesOf(sources: readonly Source[]): string[] {
  return sources.flatMap((source) => {
    const from = folderOf(source.path);
    if (from === undefined) return [];
    const allowed = MAY_IMPORT[from] as readonly string[];
    return importsOf(source)
      .filter((target) => {
        const to = folderOf(target);
        return to === undefined || (to !== from && !allowed.includes(to));
      })
      .map((target) => `${source.path} imports ${target}`);
  });
}

const sources = sourcesBelow('src');
const tests = sourcesBelow('test');
const others = [...tests, ...sourcesBelow('bench'), ...sourcesBelow('scripts'), ...sourcesBelow('deploy')];

describe('layout', () => {
  it('has a rule for every folder, and only main at the top', () => {
    const loose = sources.filter((source) => folderOf(source.path) === undefined).map((source) => source.path);
    expect(loose).toEqual(['src/main.ts']);
  });

  it('imports one way only', () => {
    expect(breachesOf(sources)).toEqual([]);
  });

  it('sees an import that goes the wrong way', () => {
    const planted = { path: 'src/kernel/planted.ts', text: "import { pick } from '../stages/pick.ts';" };
    expect(breachesOf([planted])).toEqual(['src/kernel/planted.ts imports src/stages/pick.ts']);
  });

  it('names drivers in main alone', () => {
    for (const folder of ['src/io/embedded/', 'src/io/http/', 'src/io/aws/']) {
      const naming = sources.filter((source) => importsOf(source).some((target) => target.startsWith(folder)));
      const outside = naming.filter((source) => !source.path.startsWith(folder));
      expect(outside.map((source) => source.path)).toEqual(['src/main.ts']);
    }
  });

  it('reads the process in main alone', () => {
    const reading = sources.filter((source) => /(^|[^.\w])process\.\w/m.test(withoutComments(source.text)));
    expect(reading.map((source) => source.path)).toEqual(['src/main.ts']);
  });

  it('keeps the kernel synchronous and free of I/O', () => {
    const kernel = sources.filter((source) => source.path.startsWith('src/kernel/'));
    const breaking = kernel.filter(
      (source) =>
        /\basync\b|\bawait\b|\bPromise\b/.test(withoutComments(source.text)) ||
        [...source.text.matchAll(/from 'node:(\w+)'/g)].some(
          (match) => !['zlib', 'buffer'].includes(match[1] as string),
        ),
    );
    expect(breaking.map((source) => source.path)).toEqual([]);
  });

  it('has no default export, no `any`, no way around the compiler', () => {
    const banned = /export default|: any\b|as any\b|<any>|@ts-ignore|@ts-nocheck|@ts-expect-error/;
    const breaking = sources.filter((source) => banned.test(withoutComments(source.text)));
    expect(breaking.map((source) => source.path)).toEqual([]);
  });

  it('opens every file with what it is for', () => {
    const speaking = [...sources, ...others].filter((source) => !source.path.endsWith('.test.ts'));
    const silent = speaking.filter((source) => !source.text.startsWith('/**'));
    expect(silent.map((source) => source.path)).toEqual([]);
  });

  it(`keeps files under ${LINES_MAX} lines`, () => {
    const long = [...sources, ...others].filter((source) => source.text.split('\n').length > LINES_MAX);
    expect(long.map((source) => source.path)).toEqual([]);
  });

  it('has no file in src that nothing imports', () => {
    const entries = new Set([
      'src/main.ts',
      'src/roles/worker.ts',
      'src/engine/caseThread.ts',
      'src/io/embedded/control/thread.ts',
      'src/io/aws/threadPlane.ts',
    ]);
    const imported = new Set(sources.flatMap(importsOf));
    const dead = sources.filter((source) => !entries.has(source.path) && !imported.has(source.path));
    expect(dead.map((source) => source.path)).toEqual([]);
  });

  it('runs every test file', () => {
    const unseen = tests.filter(
      (source) => /^\s*(it|test)\(\s*['"`]/m.test(source.text) && !/\.(test|contract)\.ts$/.test(source.path),
    );
    const exempt = unseen.filter((source) => !/export function describe/.test(source.text));
    expect(exempt.map((source) => source.path)).toEqual([]);
  });
});

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '');
}
