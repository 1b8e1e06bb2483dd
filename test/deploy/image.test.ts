/**
 * The image's promises, read from the Dockerfile: a pinned Node, production dependencies only, no root, signals to the
 * program itself. And that what the program imports is among those dependencies.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ALIVE_FILE, ALIVE_SECONDS_MAX } from '../../deploy/services.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const manifest = JSON.parse(read('package.json')) as {
  readonly dependencies: Record<string, string>;
  readonly devDependencies: Record<string, string>;
  readonly engines: { readonly node: string };
};

interface Instruction {
  readonly name: string;
  readonly text: string;
}

/** Instructions by stage; comments and line continuations are gone. */
function stagesOf(dockerfile: string): Instruction[][] {
  const lines = dockerfile
    .replace(/\\\n/g, ' ')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const stages: Instruction[][] = [];
  for (const line of lines) {
    const [, name = '', text = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    if (name === 'FROM') stages.push([]);
    stages.at(-1)?.push({ name, text });
  }
  return stages;
}

const stages = stagesOf(read('Dockerfile'));
const last = stages.at(-1) ?? [];
const textsOf = (stage: readonly Instruction[], name: string): string[] =>
  stage.filter((one) => one.name === name).map(({ text }) => text);

describe('the Dockerfile', () => {
  it('stands on the Node that development is pinned to, in both stages', () => {
    const pinned = manifest.devDependencies['node'];
    expect(pinned).toMatch(/^26\.\d+\.\d+$/);
    expect(stages.map((stage) => stage[0]?.text.split(' ')[0])).toEqual([
      `node:${pinned}-bookworm-slim`,
      `node:${pinned}-bookworm-slim`,
    ]);
  });

  it('installs from the lock file, in the last stage without development dependencies, and never runs install scripts', () => {
    const installs = stages.map((stage) => textsOf(stage, 'RUN').filter((text) => text.includes('npm ')));
    expect(installs.map((one) => one.length)).toEqual([1, 1]);
    for (const [text] of installs) expect(text).toMatch(/^npm ci .*--ignore-scripts/);
    expect(installs[1]?.[0]).toContain('--omit=dev');
    expect(JSON.stringify(stages)).not.toMatch(/npm (install|i|update|run) /);
  });

  it('builds the kernel before and takes it along', () => {
    expect(textsOf(stages[0] ?? [], 'RUN').at(-1)).toBe('node scripts/build-kernel.ts');
    const from = textsOf(last, 'COPY').filter((text) => text.startsWith('--from='));
    expect(from).toEqual(['--from=kernel /build/src/kernel/wasm/build ./src/kernel/wasm/build']);
    // After the sources, or they would lie over it.
    expect(textsOf(last, 'COPY').at(-1)).toBe(from[0]);
  });

  it('runs without root from the moment the program starts, on files it does not own', () => {
    const user = last.findIndex(({ name }) => name === 'USER');
    expect(textsOf(last, 'USER')).toEqual(['node']);
    for (const name of ['RUN', 'COPY']) {
      expect(last.findLastIndex((one) => one.name === name)).toBeLessThan(user);
    }
    expect(textsOf(last, 'COPY').filter((text) => text.includes('--chown'))).toEqual([]);
    expect(last.findIndex(({ name }) => name === 'ENTRYPOINT')).toBeGreaterThan(user);
  });

  it('starts the program itself, no shell between it and its signals', () => {
    const exec = (name: string): string[] => JSON.parse(textsOf(last, name).join('')) as string[];
    expect(exec('ENTRYPOINT')).toEqual(['node', 'bin/remessa.js']);
    expect(exec('CMD')).toEqual(['serve', '--alive-file', ALIVE_FILE]);
    expect(textsOf(last, 'STOPSIGNAL')).toEqual(['SIGTERM']);
  });

  it('checks the same sign of life as the service does', () => {
    const [check = ''] = textsOf(last, 'HEALTHCHECK');
    expect(JSON.parse(check.slice(check.indexOf('[')))).toEqual([
      'node',
      'bin/alive.js',
      ALIVE_FILE,
      String(ALIVE_SECONDS_MAX),
    ]);
    expect(textsOf(last, 'VOLUME').join()).toContain('/tmp');
  });

  it('copies what is there, and the context lets in what it copies and no more', () => {
    const copied = stages.flatMap((stage) => textsOf(stage, 'COPY')).filter((text) => !text.startsWith('--from'));
    const sources = new Set(copied.flatMap((text) => text.split(/\s+/).slice(0, -1)));
    for (const source of sources) expect([source, existsSync(join(ROOT, source))]).toEqual([source, true]);
    const ignored = read('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    expect(ignored[0]).toBe('*');
    const letIn = ignored.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    expect(letIn.sort()).toEqual([...sources].sort());
  });
});

/** What is there at run time: imports of types alone are not. */
const IMPORT = /^(?:import|export)\s(?!type\b)[^;]*?from\s*'([^'./][^']*)'|import\(\s*'([^'./][^']*)'/gm;

describe('production dependencies', () => {
  const sources = readdirSync(join(ROOT, 'src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.parentPath.endsWith('/assembly'))
    .map((entry) => join(entry.parentPath, entry.name));

  it('hold every package that the program imports', () => {
    const imported = sources.flatMap((path) => {
      const found = readFileSync(path, 'utf8').matchAll(IMPORT);
      return [...found]
        .map((match) => match[1] ?? match[2] ?? '')
        .filter((name) => !isBuiltin(name))
        .map((name) => ({ path, name: name.split('/', name.startsWith('@') ? 2 : 1).join('/') }));
    });
    expect(imported.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['piscina', 'undici', 'pino', 'commander']),
    );
    const missing = imported.filter(({ name }) => manifest.dependencies[name] === undefined);
    expect(missing).toEqual([]);
  });

  it('have no package of the development beside them', () => {
    const both = Object.keys(manifest.dependencies).filter((name) => manifest.devDependencies[name] !== undefined);
    expect(both).toEqual([]);
    // The image brings Node; the starter refuses one that is older than the program needs.
    expect(manifest.dependencies['node']).toBeUndefined();
    expect(read('bin/remessa.js')).toContain('>= 26');
  });
});
