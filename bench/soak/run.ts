/**
 * A soak from its first file to its verdict.
 *
 * Invariants: the backlog is bounded (`FILES_OPEN_MAX` files a client, and of all clients `LINES_OPEN_MAX` lines or one file that has more);
 * a file counts as open until its batch is final; kills and faults end with the load, so that what was sent can be finished.
 */
import { randomBytes } from 'node:crypto';
import { type Dirent, lstatSync, readdirSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { businessDay, systemClock } from '../../src/core/clock.ts';
import { FINAL_STATES } from '../../src/io/ports/registry.ts';
import { issueKey } from '../../src/stages/intake/apiKeys.ts';
import type { Truth } from '../../test/e2e/files.ts';
import { Random } from '../../test/oracle/random.ts';
import type { FaultCounts } from '../../test/support/aws/faultProxy.ts';
import { ASKER, Asker } from './asker.ts';
import { type Flatness, flatness, JUDGED_CURVES, type JudgedCurve, type Sample } from './curves.ts';
import { Daemon } from './daemon.ts';
import { judge, type SentFile, type Verdict } from './judge.ts';
import { type ClientLoad, clientLoads, PROFILE, PROFILED, type SoakFile } from './load.ts';
import type { SoakOptions } from './options.ts';
import type { SoakWorld } from './world.ts';

const FILES_OPEN_MAX = 24;
const LINES_OPEN_MAX = 120_000;
const LOOK_MS = 100;
const SAMPLE_MS = 1000;
/** Walking a data folder of many files takes a while. */
const FOLDER_EVERY_SAMPLES = 5;
/** Nothing at all became final for so long: it never will. */
const STILL_MS_MAX = 300_000;
const STOP_MS_MAX = 60_000;

export interface SoakResult {
  readonly verdict: Verdict;
  readonly flat: Readonly<Record<JudgedCurve, Flatness>>;
  readonly samples: readonly Sample[];
  readonly kills: number;
  readonly faults: FaultCounts | undefined;
  /** What was asked over the API, by kind. */
  readonly asked: Readonly<Record<string, number>>;
  /** Events of level `error` in the daemon's log, by name. */
  readonly errors: Readonly<Record<string, number>>;
  /** When the last file was sent, and when the last batch was final. */
  readonly loadSeconds: number;
  readonly doneSeconds: number;
  readonly linesPerSecond: number;
}

export interface SoakDeps {
  readonly world: SoakWorld;
  readonly say: (text: string) => void;
  /** Ends the load early. */
  readonly stopping: AbortSignal;
  /** Ends everything at once: there is no result then. */
  readonly ending: AbortSignal;
}

export async function runSoak(options: SoakOptions, deps: SoakDeps): Promise<SoakResult | undefined> {
  const soak = new Soak(options, deps);
  const ended = new Promise<undefined>((done) => deps.ending.addEventListener('abort', () => done(undefined)));
  const running = soak.run();
  // What it meets after the end is of no interest.
  running.catch(() => {});
  try {
    return await Promise.race([running, ended]);
  } finally {
    await soak.end();
  }
}

class Soak {
  readonly #options: SoakOptions;
  readonly #deps: SoakDeps;
  readonly #loads: readonly ClientLoad[];
  readonly #pending = new Map<string, SoakFile>();
  readonly #open = new Map<string, Map<string, SoakFile>>();
  readonly #sent: SoakFile[] = [];
  readonly #samples: Sample[] = [];
  readonly #problems: string[] = [];
  readonly #errors = new Map<string, number>();
  readonly #random: Random;
  readonly #asOf = businessDay(Date.now());
  /** When the daemon worked, and the first file could be sent. */
  #startedMs = 0;
  #starting: Promise<Daemon> | undefined;
  #daemon: Daemon | undefined;
  #life = 0;
  #kills = 0;
  #killAtMs = 0;
  #port = 0;
  #asker: Asker | undefined;
  #sampleAtMs = 0;
  #folderBytes = 0;
  #linesSent = 0;
  #linesDone = 0;
  #over = false;

  constructor(options: SoakOptions, deps: SoakDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#loads = clientLoads({ ...options, asOf: this.#asOf });
    for (const { client } of this.#loads) this.#open.set(client, new Map());
    this.#random = new Random(options.seed);
  }

  async run(): Promise<SoakResult> {
    const { say, stopping } = this.#deps;
    const asker = await this.#prepare();
    this.#asker = asker;
    await this.#startDaemon();
    this.#startedMs = performance.now();
    asker.start();
    this.#killAtMs = this.#nextKillMs();
    const untilMs = this.#startedMs + this.#options.seconds * 1000;
    while (performance.now() < untilMs && !stopping.aborted) {
      await this.#look();
      for (const load of this.#loads) await this.#sendSome(load);
      await this.#killWhenDue();
      await delay(LOOK_MS);
    }
    const loadSeconds = this.#seconds();
    say(`sent ${this.#sent.length} files, ${this.#linesSent} lines; finishing what is under way`);
    await asker.stop();
    this.#problems.push(...asker.problems);
    await this.#finish();
    const doneSeconds = this.#seconds();
    await this.#stopDaemon();
    // A record's due date is judged by the day on which its file comes.
    if (businessDay(Date.now()) !== this.#asOf) this.#problems.push('midnight passed in São Paulo: run it again');
    say('judging');
    const judged = await judge([...this.#sent.map(sentFile(this.#cache)), ...asker.sent], this.#deps.world);
    const faults = this.#deps.world.faults;
    return {
      verdict: { ...judged, problems: [...this.#problems, ...judged.problems] },
      flat: Object.fromEntries(
        JUDGED_CURVES.map((curve) => [curve, flatness(this.#samples, curve, loadSeconds)] as const),
      ) as Record<JudgedCurve, Flatness>,
      samples: this.#samples,
      kills: this.#kills,
      faults: faults === undefined ? undefined : { ...faults },
      asked: { ...asker.counts },
      errors: Object.fromEntries(this.#errors),
      loadSeconds,
      doneSeconds,
      linesPerSecond: this.#linesDone / doneSeconds,
    };
  }

  /** Clients as they are set up before their first file, and one that works over the API at a port that stays the same. */
  async #prepare(): Promise<Asker> {
    const { clients, keys } = this.#deps.world.stores;
    const nowMs = Date.now();
    await clients.addProfile({ name: 'soak', version: 1, document: JSON.stringify(PROFILE), createdAtMs: nowMs });
    for (const [id, profile] of [
      [PROFILED, 'soak'],
      [ASKER, 'default'],
    ] as const) {
      const bounds = { amountCentsMin: 1, amountCentsMax: 999_999_999_999_999 };
      await clients.add({ id, name: id, profile, ...bounds, createdAtMs: nowMs });
    }
    const wanted = { scope: 'client', client: ASKER, name: 'soak', endsAtMs: null } as const;
    const { token } = await issueKey(keys, { clock: systemClock, random: randomBytes }, wanted);
    this.#port = await freePort();
    const { seed } = this.#options;
    return new Asker({ url: `http://127.0.0.1:${this.#port}`, token, seed, asOf: this.#asOf });
  }

  async end(): Promise<void> {
    this.#over = true;
    this.#asker?.leave();
    // The last one, also where it is still starting.
    const daemon = await this.#starting?.catch(() => undefined);
    await daemon?.kill('SIGKILL');
  }

  /** The truth of a file that comes again and again is made once. */
  readonly #cache = new Map<string, readonly Truth[]>();

  #seconds(): number {
    return (performance.now() - this.#startedMs) / 1000;
  }

  /** Sends what the client has room for. */
  async #sendSome(load: ClientLoad): Promise<void> {
    const open = this.#open.get(load.client) as Map<string, SoakFile>;
    const rate = this.#options.linesPerSecondMax;
    while (open.size < FILES_OPEN_MAX) {
      const file = this.#pending.get(load.client) ?? load.next();
      this.#pending.set(load.client, file);
      const lines = this.#linesSent - this.#linesDone;
      if (lines > 0 && lines + file.lines > LINES_OPEN_MAX) return;
      if (rate > 0 && this.#linesSent > rate * this.#seconds()) return;
      this.#pending.delete(load.client);
      await this.#deps.world.send(file.client, file.name, file.make().bytes);
      open.set(file.name, file);
      this.#sent.push(file);
      this.#linesSent += file.lines;
    }
  }

  /** Sees what has become final, that the daemon lives, and what it uses. */
  async #look(): Promise<void> {
    for (const [client, open] of this.#open) {
      if (open.size === 0) continue;
      // A file becomes final no sooner than those before it, so what is open is among the last that were accepted.
      for (const batch of await this.#deps.world.newest(client, 2 * FILES_OPEN_MAX)) {
        const file = open.get(batch.file);
        if (file === undefined || !FINAL_STATES.has(batch.state)) continue;
        open.delete(batch.file);
        this.#linesDone += file.lines;
      }
    }
    if (this.#daemon?.running !== true) {
      this.#problems.push(`the daemon ended by itself: ${this.#daemon?.says.slice(-1000)}`);
      await this.#startDaemon();
    }
    this.#sample();
  }

  #sample(): void {
    const nowMs = performance.now();
    if (nowMs < this.#sampleAtMs) return;
    this.#sampleAtMs = nowMs + SAMPLE_MS;
    const usage = this.#daemon?.usage();
    if (usage === undefined) return;
    if (this.#samples.length % FOLDER_EVERY_SAMPLES === 0) this.#folderBytes = bytesBelow(this.#deps.world.dataDir);
    const filesOpen = [...this.#open.values()].reduce((sum, files) => sum + files.size, 0);
    this.#samples.push({
      seconds: this.#seconds(),
      life: this.#life,
      ...usage,
      folderBytes: this.#folderBytes,
      filesOpen,
      linesDone: this.#linesDone,
    });
  }

  #nextKillMs(): number {
    const { killEverySeconds } = this.#options;
    if (killEverySeconds === 0) return Number.POSITIVE_INFINITY;
    return performance.now() + killEverySeconds * 1000 * (0.5 + this.#random.next());
  }

  async #killWhenDue(): Promise<void> {
    if (performance.now() < this.#killAtMs) return;
    await this.#daemon?.kill('SIGKILL');
    this.#kills += 1;
    await this.#startDaemon();
    this.#killAtMs = this.#nextKillMs();
  }

  async #startDaemon(): Promise<void> {
    this.#keepErrors();
    for (;;) {
      if (this.#over) throw new Error('the soak is over');
      this.#life += 1;
      const settings = { REMESSA_HTTP_PORT: String(this.#port), ...this.#deps.world.daemonSettings };
      this.#starting = Daemon.start({ ...settings, ...this.#options.set });
      this.#daemon = await this.#starting;
      if (this.#daemon.running) return;
      // A call that failed at its start ends it: whoever runs daemons starts another.
      if (!this.#options.faults) throw new Error(`the daemon ended at its start: ${this.#daemon.says}`);
    }
  }

  /** Waits until all that was sent is final and no message is left. */
  async #finish(): Promise<void> {
    let [left, stillMs] = [Number.POSITIVE_INFINITY, performance.now()];
    for (;;) {
      await this.#look();
      const open = [...this.#open.values()].reduce((sum, files) => sum + files.size, 0);
      const unfinished = open === 0 ? await this.#deps.world.unfinished() : 0;
      if (open === 0 && unfinished === 0) return;
      if (open + unfinished !== left) [left, stillMs] = [open + unfinished, performance.now()];
      if (performance.now() - stillMs > STILL_MS_MAX) {
        this.#problems.push(`${open} files and ${unfinished} messages or batches stay unfinished`);
        return;
      }
      await delay(LOOK_MS);
    }
  }

  async #stopDaemon(): Promise<void> {
    const daemon = this.#daemon;
    if (daemon === undefined) return;
    const late = new AbortController();
    const code = await Promise.race([
      daemon.kill('SIGTERM'),
      delay(STOP_MS_MAX, 'late' as const, { signal: late.signal }).catch(() => 'late' as const),
    ]);
    late.abort();
    if (code !== 0) this.#problems.push(`told to end, the daemon ended with ${code}: ${daemon.says.slice(-1000)}`);
    this.#keepErrors();
  }

  #keepErrors(): void {
    for (const [name, count] of this.#daemon?.errors ?? []) {
      this.#errors.set(name, (this.#errors.get(name) ?? 0) + count);
    }
    this.#daemon?.errors.clear();
  }
}

/** One that nobody listens at now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}

function sentFile(cache: Map<string, readonly Truth[]>): (file: SoakFile) => SentFile {
  return (file) => ({
    client: file.client,
    name: file.name,
    truth() {
      const key = `${file.client} ${file.content}`;
      let truth = cache.get(key);
      if (truth === undefined) cache.set(key, (truth = file.make().truth));
      return truth;
    },
  });
}

/** Of all files in a folder and below it. What vanishes meanwhile counts nothing. */
function bytesBelow(folder: string): number {
  let bytes = 0;
  for (const entry of entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += bytesBelow(path);
    else bytes += lstatSync(path, { throwIfNoEntry: false })?.size ?? 0;
  }
  return bytes;
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
