/**
 * Many one-line submissions by one client: opened, filled and submitted over the API, each becoming a batch. Tells the rate,
 * how long each took from submit to completed, what one costs in writes and objects, and how many turns of small batches
 * each waited for before its own.
 *
 * Checks first that what came out is right: each submission became one completed batch of one created debt, and the debts
 * are those that were sent.
 *
 *   node bench/api/submissions.ts [--count 10000] [--connections 50] [--driver embedded|aws]
 *
 * `aws` runs over the test servers that are npm packages, in this process: it counts calls, its times say nothing.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { Agent, request } from 'undici';
import { resolveSettings } from '../../src/config/load.ts';
import { systemClock } from '../../src/core/clock.ts';
import { silentTelemetry } from '../../src/core/telemetry.ts';
import { awsOptionsOf, openDirect as openAws } from '../../src/io/aws/driver.ts';
import { openDirect as openEmbedded } from '../../src/io/embedded/driver.ts';
import type { DebtReader } from '../../src/io/ports/debts.ts';
import type { Batch, BatchState, Registry } from '../../src/io/ports/registry.ts';
import { AwsWorld } from '../../test/e2e/awsWorld.ts';
import { dynaliteKind, fauxqsKind } from '../../test/support/aws/servers.ts';
import { FOLDER } from '../input.ts';
import { startDaemon } from './servers.ts';

const CLIENT = 'bench';
const LOOK_MS = 250;
/** In the order in which a batch meets them. */
const OPEN = ['accepted', 'picking', 'processing', 'staged', 'registering'] as const;

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '10000' },
    connections: { type: 'string', default: '50' },
    driver: { type: 'string', default: 'embedded' },
  },
});
const count = Number(values.count);
const connections = Number(values.connections);

/** A daemon of all roles on stores of its own, which are also read from here. */
interface Target {
  readonly url: string;
  readonly token: string;
  /** What was written so far, by name. */
  costs(): Record<string, number>;
  /** Opens the stores for reading once all is done. */
  read(): Promise<{ readonly registry: Registry; readonly debts: DebtReader; close(): Promise<void> }>;
  close(): Promise<void>;
}

async function embeddedTarget(): Promise<Target> {
  mkdirSync(FOLDER, { recursive: true });
  const root = mkdtempSync(join(FOLDER, 'api-'));
  const dataDir = join(root, 'data');
  const server = await startDaemon(dataDir, []);
  const objects = join(dataDir, 'objects');
  return {
    url: server.url,
    token: server.token,
    costs: () => ({
      'bytes written': server.written().bytes,
      'write calls': server.written().calls,
      'objects kept': readdirSync(objects, { recursive: true, withFileTypes: true }).filter((one) => one.isFile())
        .length,
    }),
    read: () =>
      openEmbedded({ dataDir, receivesMax: 5000, pollMsMax: 50, debtsCacheBytes: 8 * 1024 * 1024 }, 'read', {
        clock: systemClock,
        random: randomBytes,
      }),
    async close() {
      await server.stop();
      rmSync(root, { recursive: true, force: true });
    },
  };
}

async function awsTarget(): Promise<Target> {
  const [services, tables] = [fauxqsKind(), dynaliteKind()];
  const none = { failed: 0, replyLost: 0, sentTwice: 0 };
  const env = { REMESSA_LEASE_MS: '60000', REMESSA_AWS_ANSWER_MS: '20000' };
  const world = await AwsWorld.open({ services, tables, env, faults: { shares: none, seed: 1 } });
  for (const key of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) process.env[key] = world.settings[key];
  await world.box.run(['clients', 'add', CLIENT, '--name', CLIENT]);
  const issued = await world.box.run(['keys', 'issue', '--client', CLIENT]);
  const daemon = await world.daemon('input,picker,intermediate,registering,batch');
  const url = /"url":"(http:[^"]+)"/.exec(daemon.stderr)?.[1] ?? '';
  return {
    url,
    token: issued.stdout.trim(),
    costs: () => Object.fromEntries(world.operations),
    read: () =>
      openAws(awsOptionsOf(resolveSettings(world.settings, undefined, 2).settings), {
        clock: systemClock,
        random: randomBytes,
        telemetry: silentTelemetry,
      }),
    async close() {
      await daemon.kill('SIGTERM');
      await world.close();
    },
  };
}

interface Sent {
  readonly batch: string;
  /** Wall time. */
  readonly submittedAtMs: number;
  readonly answeredMs: number;
}

const target = values.driver === 'aws' ? await awsTarget() : await embeddedTarget();
const agent = new Agent({ connections, pipelining: 1 });
try {
  const call = async (method: 'GET' | 'POST', path: string, json?: object): Promise<Record<string, unknown>> => {
    const answer = await request(`${target.url}${path}`, {
      method,
      dispatcher: agent,
      headers: {
        authorization: `Bearer ${target.token}`,
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    });
    const text = await answer.body.text();
    if (answer.statusCode >= 300) throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`);
    return JSON.parse(text) as Record<string, unknown>;
  };
  const one = async (n: number): Promise<Sent> => {
    const { id } = await call('POST', '/v1/submissions', {});
    await call('POST', `/v1/submissions/${id}/lines`, {
      external_ref: `CT-${n}`,
      debtor_name: 'Maria Aparecida da Silva',
      cpf: '529.982.247-25',
      amount: '1234.56',
      due_date: new Date(Date.now() - 90 * 86_400_000).toISOString().slice(0, 10),
    });
    const submittedAtMs = Date.now();
    const batch = await call('POST', `/v1/submissions/${id}/submit`);
    return { batch: batch['id'] as string, submittedAtMs, answeredMs: Date.now() - submittedAtMs };
  };
  const before = target.costs();
  const beganAtMs = Date.now();
  const sent: Sent[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      while (next < count) sent.push(await one(next++));
    }),
  );
  const sentMs = Date.now() - beganAtMs;
  const isOpen = async (state: BatchState): Promise<boolean> =>
    ((await call('GET', `/v1/batches?limit=1&state=${state}`))['items'] as unknown[]).length > 0;
  for (const state of OPEN) while (await isOpen(state)) await new Promise((done) => setTimeout(done, LOOK_MS));
  const after = target.costs();
  const stores = await target.read();
  try {
    const batches = await stores.registry.list({ client: CLIENT, limit: count + 1 });
    await check(stores.debts, batches, sent);
    report(batches, sent, { beganAtMs, sentMs, before, after });
  } finally {
    await stores.close();
  }
} finally {
  await agent.close();
  await target.close();
}

async function check(debts: DebtReader, batches: readonly Batch[], all: readonly Sent[]): Promise<void> {
  const wrong: string[] = [];
  const known = new Map(batches.map((batch) => [batch.id, batch]));
  for (const { batch } of all) {
    const { state, receipt } = known.get(batch) ?? { state: 'unknown', receipt: null };
    const { lines } = JSON.parse(receipt ?? '{"lines":{}}') as { lines: Record<string, number> };
    if (state !== 'completed' || lines['total'] !== 1 || lines['created'] !== 1) wrong.push(`${batch}: ${state}`);
  }
  if (new Set(all.map(({ batch }) => batch)).size !== count || batches.length !== count)
    wrong.push('not one batch each');
  const refs = new Set<string>();
  for await (const { externalRef } of debts.list(CLIENT, {})) refs.add(externalRef);
  for (let n = 0; n < count; n++) if (!refs.has(`CT-${n}`)) wrong.push(`CT-${n} is no debt`);
  if (refs.size !== count) wrong.push(`${refs.size} debts`);
  const order = [...batches].sort((a, b) => a.number - b.number).map(({ turn }) => turn ?? 0);
  if (order.some((turn, i) => i > 0 && turn <= (order[i - 1] as number))) wrong.push('turns out of order');
  const behind = waitedBehind(batches).filter((turns) => turns > 1).length;
  if (behind > 0) wrong.push(`${behind} waited for more than the turn before theirs`);
  if (wrong.length > 0) throw new Error(`wrong: ${wrong.slice(0, 10).join('; ')}`);
}

interface Ran {
  readonly beganAtMs: number;
  readonly sentMs: number;
  readonly before: Record<string, number>;
  readonly after: Record<string, number>;
}

function report(batches: readonly Batch[], all: readonly Sent[], { beganAtMs, sentMs, before, after }: Ran): void {
  const known = new Map(batches.map((batch) => [batch.id, batch]));
  const doneMs = (id: string): number => known.get(id)?.enteredMs.completed ?? Number.NaN;
  const throughMs = Math.max(...all.map(({ batch }) => doneMs(batch))) - beganAtMs;
  const turns = runsOf(batches);
  const rate = (ms: number): string => `${Math.round((count * 1000) / ms)}/s`;
  console.log(`${count} submissions of one line, one client, ${connections} connections`);
  console.log(`sent       ${rate(sentMs)} (three requests each), all completed after ${rate(throughMs)}`);
  tell(
    'submit answered',
    all.map(({ answeredMs }) => answeredMs),
    'ms',
  );
  tell(
    'submit to completed',
    all.map(({ batch, submittedAtMs }) => doneMs(batch) - submittedAtMs),
    'ms',
  );
  tell(
    'staged to its turn',
    batches.map(({ enteredMs, turnAtMs }) => (turnAtMs ?? 0) - (enteredMs.staged ?? 0)),
    'ms',
  );
  tell('turns waited behind', waitedBehind(batches), '');
  console.log(`runs       ${turns.length} turns of small batches, ${(count / turns.length).toFixed(1)} batches each`);
  for (const [name, value] of Object.entries(after)) {
    const each = (value - (before[name] ?? 0)) / count;
    if (each > 0) console.log(`each       ${each.toFixed(2).padStart(9)} ${name}`);
  }
}

interface Run {
  readonly takenAtMs: number;
  readonly endedAtMs: number;
}

/** Runs of small batches, in order: when each took its turns and when the last of it was completed. */
function runsOf(batches: readonly Batch[]): readonly Run[] {
  return [...Map.groupBy(batches, ({ turnAtMs }) => turnAtMs ?? 0)]
    .map(([takenAtMs, run]) => ({
      takenAtMs,
      endedAtMs: Math.max(...run.map(({ enteredMs }) => enteredMs.completed ?? 0)),
    }))
    .sort((a, b) => a.takenAtMs - b.takenAtMs);
}

/**
 * Of each batch the runs that it waited for, its own left out: from when it and all before it in line were staged, since
 * debts of a client are never registered out of order.
 */
function waitedBehind(batches: readonly Batch[]): readonly number[] {
  const runs = runsOf(batches);
  let readyMs = 0;
  return [...batches]
    .sort((a, b) => a.number - b.number)
    .map(({ enteredMs, turnAtMs }) => {
      readyMs = Math.max(readyMs, enteredMs.staged ?? 0);
      const own = turnAtMs ?? 0;
      return runs.filter(({ takenAtMs, endedAtMs }) => takenAtMs < own && endedAtMs > readyMs).length;
    });
}

function tell(what: string, numbers: readonly number[], unit: string): void {
  const sorted = [...numbers].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  console.log(`${what.padEnd(24)} median ${at(0.5)}${unit}, p99 ${at(0.99)}${unit}, greatest ${at(1)}${unit}`);
}
