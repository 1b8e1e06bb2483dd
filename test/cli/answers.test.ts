import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addAnswerCommands } from '../../src/cli/answers.ts';
import { withDefaults } from '../../src/config/schema.ts';
import { Fault } from '../../src/core/faults.ts';
import { batchRecord, MemoryOutput, TestWorld } from './world.ts';

describe('rejects, resubmit and retorno', () => {
  let folder = '';
  let world = new TestWorld();
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'remessa-answers-'));
    world = new TestWorld();
    world.held.batches.push(batchRecord());
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  /** Runs one command on made chunks; a number among them is where the rendering fails. */
  async function run(argv: string[], chunks: readonly (string | Error)[]): Promise<number[]> {
    const codes: number[] = [];
    const program = new Command().exitOverride();
    const render = async function* (_stores: unknown, batch: string, kind: string): AsyncGenerator<Uint8Array> {
      yield Buffer.from(`${kind} of ${batch}\n`);
      for (const chunk of chunks) {
        if (chunk instanceof Error) throw chunk;
        yield Buffer.from(chunk);
      }
    };
    const context = world.context(withDefaults({}, 2));
    addAnswerCommands(program, context, (code) => codes.push(code), render);
    await program.parseAsync(argv, { from: 'user' });
    return codes;
  }

  it.each(['rejects', 'resubmit', 'retorno'])('%s streams the answer to stdout and nothing else', async (kind) => {
    expect(await run([kind, 'b-1'], ['a,b\r\n', 'c'])).toEqual([0]);
    expect(world.stdout.text).toBe(`${kind} of b-1\na,b\r\nc`);
    expect(world.stdout.writes).toBe(3);
    expect(world.stderr.text).toBe('');
    expect(world.opened).toEqual(['read']);
    expect(world.closed).toBe(1);
  });

  it('writes a file in place of what was there, readable by its owner alone', async () => {
    const path = join(folder, 'retorno.csv');
    await writeFile(path, 'an older and longer answer that must be gone');
    expect(await run(['retorno', 'b-1', '--out', path], ['1', '2'])).toEqual([0]);
    expect(await readFile(path, 'utf8')).toBe('retorno of b-1\n12');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['retorno.csv']);
    expect(world.stdout.text).toBe('');
  });

  it('leaves an older file, and nothing else, where the rendering fails', async () => {
    const path = join(folder, 'out.csv');
    await writeFile(path, 'older');
    const fault = new Fault('STORE_IO');
    await expect(run(['rejects', 'b-1', '--out', path], ['1', fault])).rejects.toBe(fault);
    expect(await readFile(path, 'utf8')).toBe('older');
    expect(await readdir(folder)).toEqual(['out.csv']);
    expect(world.closed).toBe(1);
  });

  it('refuses a place that cannot be written, as wrong usage', async () => {
    const path = join(folder, 'none', 'out.csv');
    await expect(run(['rejects', 'b-1', '--out', path], [])).rejects.toThrow(
      /USAGE: .*--out cannot be written: ENOENT/,
    );
  });

  it('refuses an unknown batch', async () => {
    await expect(run(['rejects', 'b-9'], [])).rejects.toThrow(/BATCH_UNKNOWN/);
    expect(world.stdout.text).toBe('');
  });

  it('stops where the reader has gone, with the stores closed', async () => {
    world.stdout = new MemoryOutput({ writesMax: 1 });
    await expect(run(['rejects', 'b-1'], ['1', '2'])).rejects.toMatchObject({ code: 'EPIPE' });
    expect(world.closed).toBe(1);
  });

  it('stops when it is interrupted', async () => {
    world.abort.abort();
    await expect(run(['rejects', 'b-1'], ['1'])).rejects.toMatchObject({ name: 'AbortError' });
    expect(world.stdout.text).toBe('');
  });
});
