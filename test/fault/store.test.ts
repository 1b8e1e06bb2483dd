/**
 * The store fails (faults 31): a full disk, and bytes that changed on it. Nothing is lost, nothing wrong is registered, the
 * message says what to do, and what was mended goes on.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, readSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { renderAnswer } from '../../src/stages/answers/answers.ts';
import { apply, sendOwed } from '../../src/stages/batch/batches.ts';
import {
  AS_OF,
  dataFolder,
  debtsOf,
  filesBelow,
  integrityOf,
  leftovers,
  makeFile,
  outcomesIn,
  SMALL_PIECES,
  seenOf,
  startCommand,
  temporaryFolder,
  Watch,
} from './harness.ts';
import { openWorld, type World } from './inProcess.ts';

const MAIN = resolve(import.meta.dirname, '../../src/main.ts');
const MAY_MOUNT = spawnSync('unshare', ['-Urm', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;

/** Sizes of the data folder's disk, in KiB: the file of 2.7 MB fails at its copy, while staged, while registered, then fits. */
const DISK_KIB = [600, 3400, 5000, 6000, 8000, 10_000, 13_000, 200_000];

interface OnDisk {
  readonly root: string;
  /** One line a run: what the loop varies, and the exit code. */
  readonly runs: readonly { readonly name: string; readonly code: number; readonly says: string }[];
  readonly truth: readonly string[];
}

/**
 * Runs `ingest` of one file again and again until it completes, on a disk of its own. The mount lives and dies with the
 * shell, so the shell runs every step (`loop` calls `try NAME`, which runs the command once and ends the loop when it
 * completes) and carries the data folder and the retorno out at the end.
 */
async function onDisk(diskKib: number, loop: string): Promise<OnDisk> {
  const root = temporaryFolder();
  const file = join(root, 'file.csv');
  const truth = makeFile(file, { lines: 25_000, seed: 5 });
  const seeded = await dataFolder(root, 'seeded');
  const remessa = `timeout 120 '${process.execPath}' '${MAIN}'`;
  const script = `
    set -u
    cd '${root}'
    mkdir disk
    mount -t tmpfs -o size=${diskKib}k tmpfs disk
    cp -r '${seeded}' disk/data
    start() { ${remessa} ingest '${file}' --client acme --as-of ${AS_OF} --json >out 2>"err-$1"; }
    settle() { echo "$1 $2" >>codes; if [ "$2" = 0 ]; then finish; fi; }
    finish() {
      ${remessa} retorno "$(sed 's/^{"batch":"\\([^"]*\\)".*/\\1/' out)" >retorno || exit 1
      cp -r disk/data after
      exit 0
    }
    ${loop}
    exit 9`;
  const settings = { ...SMALL_PIECES, REMESSA_DATA_DIR: join(root, 'disk', 'data') };
  const ended = await startCommand('unshare', ['-Urm', 'sh', '-c', script], settings).ended;
  expect(ended.code, ended.stderr).toBe(0);
  const codes = readFileSync(join(root, 'codes'), 'latin1').trim().split('\n');
  const runs = codes.map((line) => {
    const [name, code] = line.split(' ') as [string, string];
    return { name, code: Number(code), says: readFileSync(join(root, `err-${name}`), 'utf8') };
  });
  console.info(codes.join('; '));
  return { root, runs, truth };
}

async function expectTruth({ root, truth }: OnDisk): Promise<void> {
  const after = join(root, 'after');
  expect(new Watch(after).batches().map(({ state, client }) => ({ state, client }))).toEqual([
    { state: 'completed', client: 'acme' },
  ]);
  const answers = { retorno: readFileSync(join(root, 'retorno'), 'latin1') };
  expect(outcomesIn({ receipt: {}, answers })).toEqual(truth);
  expect(integrityOf(after)).toEqual(['ok', 'ok']);
  expect(leftovers(after)).toEqual([]);
}

describe.skipIf(!MAY_MOUNT)('a full disk (needs `unshare -Urm` and a tmpfs)', () => {
  // fault 31
  it('is told with what to do; the same command resumes once there is space', async () => {
    const loop = `for size in ${DISK_KIB.join(' ')}; do
      mount -o remount,size="$size"k disk
      start "$size"; settle "$size" $?
    done`;
    const found = await onDisk(DISK_KIB[0] as number, loop);
    const failed = found.runs.slice(0, -1);
    expect(failed.length).toBeGreaterThanOrEqual(3);
    for (const { name, code, says } of failed) {
      expect(code, `${name} KiB: ${says}`).toBe(1);
      expect(says, `${name} KiB`).toMatch(/STORE_FULL: no space is left for the data folder; free some/);
    }
    await expectTruth(found);
  });

  // fault 31
  it('that fills up at any moment ends the command and loses nothing', async () => {
    const loop = `for after in 0.4 0.6 0.8 1.0 1.3; do
      start "$after" & command=$!
      sleep "$after"
      dd if=/dev/zero of=disk/filler bs=1k 2>filled
      wait "$command"; code=$?
      rm disk/filler
      settle "$after" "$code"
    done
    start last; settle last $?`;
    const found = await onDisk(60_000, loop);
    const failed = found.runs.slice(0, -1);
    expect(failed.length).toBeGreaterThanOrEqual(1);
    for (const { name, code, says } of failed) {
      expect(code, `after ${name} s: ${says}`).toBe(1);
      expect(says, `after ${name} s`).toMatch(/STORE_FULL: no space is left|STORE_IO: .*check the disk/);
    }
    await expectTruth(found);
  });
});

/** Turns one bit of a byte and keeps the file's times, as a failing disk would. */
function damage(path: string, offset: number): void {
  const before = `${path}.times`;
  spawnSync('touch', ['-r', path, before]);
  const fd = openSync(path, 'r+');
  const byte = new Uint8Array(1);
  const at = offset < 0 ? statSync(path).size + offset : offset;
  readSync(fd, byte, 0, 1, at);
  byte[0] = (byte[0] as number) ^ 0x10;
  writeSync(fd, byte, 0, 1, at);
  closeSync(fd);
  spawnSync('touch', ['-r', before, path]);
  spawnSync('rm', [before]);
}

describe('damaged bytes', () => {
  const LINES = 6000;

  let calm: ReturnType<typeof calmRun> | undefined;

  /** What a run leaves that nothing disturbed. */
  async function calmRun() {
    const { world, id, dataDir } = await accepted();
    await world.runDry();
    return { debts: debtsOf(dataDir), seen: await seenOf(dataDir, await world.batch(id)) };
  }

  async function accepted() {
    const root = temporaryFolder();
    const dataDir = await dataFolder(root, 'data');
    makeFile(join(root, 'file.csv'), { lines: LINES, seed: 6 });
    const world = await openWorld(root);
    onTestFinished(() => world.close());
    const { id } = await world.accept('acme', 'file.csv', readFileSync(join(root, 'file.csv')));
    return { world, id, dataDir };
  }

  /** A batch carried on until all its ranges are staged, or all its shards registered; nobody finishes it. */
  async function carried(until: 'staged' | 'registered') {
    const found = await accepted();
    await found.world.runDry(['picker', 'intermediate', 'batch']);
    if (until === 'registered') await found.world.runDry(['registering']);
    return found;
  }

  async function redrive(world: World, id: string): Promise<void> {
    await world.context.registry.clearFailures(id);
    const { batch, moved } = await apply(world.context, id, { type: 'redriven' });
    expect(moved).toBe(true);
    await sendOwed(world.context, batch);
    await world.runDry();
  }

  for (const [what, offset, codes] of [
    ['the first page', 60, ['STORE_CORRUPT']],
    ['a later page', 20_000, ['STORE_CORRUPT']],
    ['the index', -40, ['STORE_CORRUPT', 'WORK_POISONED']],
    ['the trailer', -2, ['STORE_CORRUPT', 'WORK_POISONED']],
  ] as const) {
    // fault 10
    it(`of a staged range are found before they are registered: ${what}`, async () => {
      const { world, id, dataDir } = await carried('staged');
      calm ??= calmRun();
      const wanted = await calm;
      const [staged] = filesBelow(join(dataDir, 'staging', id), dataDir).sort();
      const path = join(dataDir, staged as string);
      const good = readFileSync(path);
      damage(path, offset);
      await world.runDry();

      const { state, failure } = await world.batch(id);
      expect(state).toBe('stalled');
      expect(codes).toContain(failure?.code);
      expect(failure?.message).toMatch(/STORE_CORRUPT|STAGED_PAGES_SHORT/);
      const right = new Set(wanted.debts.map((debt) => JSON.stringify(debt)));
      const wrong = debtsOf(dataDir).filter((debt) => !right.has(JSON.stringify(debt)));
      expect(wrong, 'debts that no undisturbed run registers').toEqual([]);

      // Somebody mends the disk: the batch goes on where it was.
      writeFileSync(path, good);
      await redrive(world, id);
      expect(await world.batch(id)).toMatchObject({ state: 'completed' });
      expect(debtsOf(dataDir)).toEqual(wanted.debts);
      expect(await seenOf(dataDir, await world.batch(id))).toEqual(wanted.seen);
    });
  }

  for (const kind of ['outcomes', 'rejects']) {
    for (const [what, offset] of [
      ['the size of a block', 1],
      ['the largest byte of the size', 3],
      ['its CRC', 5],
      ['its contents', 50],
      ['the last byte', -1],
    ] as const) {
      it(`of a part of ${kind} are found before the answers are given: ${what}`, async () => {
        const { world, id, dataDir } = await carried('registered');
        const [part] = filesBelow(join(dataDir, 'objects/parts', id, kind), dataDir).sort();
        damage(join(dataDir, part as string), offset);
        await world.runDry();
        const { state, failure, receipt } = await world.batch(id);
        expect(state).toBe('stalled');
        expect(failure?.message).toMatch(/STORE_CORRUPT|OBJECT_CHANGED/);
        expect(receipt).toBeNull();
        // What other pieces of the answers are there is not given either.
        const given = renderAnswer(world.plane, id, 'retorno').next();
        await expect(given).rejects.toMatchObject({ code: 'OUTPUT_NOT_READY' });
      });
    }
  }

  // fault 10
  it('of the stored file, changed between the scan and the parse, are found by the CRC of the range', async () => {
    const { world, id, dataDir } = await accepted();
    await world.runDry(['picker']);
    damage(join(dataDir, 'objects', (await world.batch(id)).key), 100_000);
    await world.runDry();
    const { state, failure } = await world.batch(id);
    expect(state).toBe('failed');
    expect(failure?.message).toMatch(/RANGE_CORRUPT|OBJECT_CHANGED|RECORDS_DISAGREE/);
    expect(debtsOf(dataDir)).toEqual([]);
  });
});
