/**
 * The API on a port of its own, over the data folder where no other driver is named, the engine's stages in this process and driven by hand, and keys
 * of two clients and an operator. Everything a test opens here is closed and removed after it.
 */
import { randomBytes } from 'node:crypto';
import { accessSync, constants, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, type Dispatcher, request } from 'undici';
import { afterEach } from 'vitest';
import type { ApiContext } from '../../src/api/context.ts';
import { type RunningApi, startApi } from '../../src/api/server.ts';
import type { Stores } from '../../src/cli/context.ts';
import type { Settings } from '../../src/config/schema.ts';
import { issueKey } from '../../src/stages/intake/apiKeys.ts';
import { openWorld, type World } from '../fault/inProcess.ts';
import type { AnswerOf, ProblemAnswer } from './answers.ts';
import { type ApiDriver, EMBEDDED } from './drivers.ts';

export interface Reply<Answer = unknown> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bytes: Buffer;
  readonly text: string;
  /** What was answered as JSON, read as the answer of success. */
  readonly json: Answer;
  /** The same, read as a refusal. */
  readonly problem: ProblemAnswer;
}

export interface Sent {
  readonly key?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array>;
}

export const KEYS = ['acme', 'beta', 'operator'] as const;
export type KeyName = (typeof KEYS)[number];

export interface Api {
  readonly world: World;
  readonly context: ApiContext;
  readonly url: string;
  readonly root: string;
  readonly tokens: Readonly<Record<KeyName, string>>;
  /** The stores as a command opens them, beside the API. */
  direct(): Promise<Stores>;
  /** All that the driver keeps, piece by piece. */
  kept(): AsyncIterable<string>;
  /** As client acme where no key is named; `null` for none. */
  call<const Method extends string, const Path extends string>(
    method: Method,
    path: Path,
    sent?: Sent,
  ): Promise<Reply<AnswerOf<Method, Path>>>;
  /** Ends this process' API and engine and starts them again over the same folder. */
  restart(): Promise<void>;
  close(drainMs?: number): Promise<void>;
}

export interface ApiOptions {
  readonly settings?: Partial<Settings>;
  readonly driver?: ApiDriver;
  /** Puts something between the API and its stores. */
  readonly wrap?: (context: ApiContext) => ApiContext;
}

const open = new Set<Api>();

/** Names of the files that are being written to the data folder: of each upload, from when its body is read. */
export function incomingFiles(api: Api): string[] {
  return readdirSync(join(api.root, 'data', 'objects', '.incoming'));
}

/** Registers what closes every API after its test. */
export function closesApis(): void {
  afterEach(async () => {
    for (const api of open) {
      await api.close();
      rmSync(api.root, { recursive: true, force: true });
    }
    open.clear();
  });
}

function memoryFolder(): string {
  try {
    accessSync('/dev/shm', constants.W_OK);
    return '/dev/shm';
  } catch {
    return tmpdir();
  }
}

const BASE: Partial<Settings> = { httpPort: 0, smallRecordsMax: 1000 };

export async function openApi(options: ApiOptions = {}): Promise<Api> {
  const root = mkdtempSync(join(memoryFolder(), 'remessa-api-'));
  const driver = await (options.driver ?? EMBEDDED).open();
  const agent = new Agent({ pipelining: 1, connections: 64 });
  let world: World;
  let running: RunningApi;
  let context: ApiContext;
  let closed = false;
  const start = async (): Promise<void> => {
    const settings = { ...BASE, ...driver.settings, ...options.settings };
    world = await openWorld(root, { settings, ...(driver.driver === undefined ? {} : { driver: driver.driver }) });
    const { keys, submissions, idempotency, debts } = world.plane;
    const metrics = { contentType: 'text/plain', render: async () => METRICS_PAGE };
    const plain: ApiContext = { ...world.context, keys, submissions, idempotency, debts, metrics };
    context = options.wrap?.(plain) ?? plain;
    running = await startApi(context);
    closed = false;
  };
  const close = async (drainMs = 2000): Promise<void> => {
    if (closed) return;
    closed = true;
    await running.close(drainMs);
    await world.close();
  };
  await start();
  const tokens = {} as Record<KeyName, string>;
  for (const name of KEYS) {
    const client = name === 'operator' ? null : name;
    if (client !== null) {
      const bounds = { amountCentsMin: 1, amountCentsMax: 999_999_999_999_999 };
      await world!.plane.clients.add({ id: client, name, profile: 'default', ...bounds, createdAtMs: 0 });
    }
    const scope = client === null ? 'operator' : 'client';
    const deps = { clock: world!.context.clock, random: (size: number) => randomBytes(size) };
    const made = await issueKey(world!.plane.keys, deps, { scope, client, name, endsAtMs: null });
    tokens[name] = made.token;
  }
  const api: Api = {
    get world() {
      return world;
    },
    get context() {
      return context;
    },
    get url() {
      return running.url;
    },
    root,
    tokens,
    direct: () => driver.direct(context.settings),
    kept: () => driver.kept(context.settings),
    async call<Method extends string, Path extends string>(method: Method, path: Path, sent: Sent = {}) {
      const token = sent.key === undefined ? tokens.acme : sent.key;
      const body = sent.json === undefined ? sent.body : JSON.stringify(sent.json);
      const answer = await request(`${running.url}${path}`, {
        method: method as Dispatcher.HttpMethod,
        dispatcher: agent,
        headers: {
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...(sent.json === undefined ? {} : { 'content-type': 'application/json' }),
          ...sent.headers,
        },
        ...(body === undefined ? {} : { body: body as string }),
      });
      const bytes = Buffer.from(await answer.body.arrayBuffer());
      const text = bytes.toString('utf8');
      const isJson = String(answer.headers['content-type']).includes('json');
      const json: unknown = isJson ? JSON.parse(text) : undefined;
      return {
        status: answer.statusCode,
        headers: answer.headers,
        bytes,
        text,
        json: json as AnswerOf<Method, Path>,
        problem: json as ProblemAnswer,
      };
    },
    async restart() {
      await close();
      await start();
    },
    async close(drainMs) {
      await close(drainMs);
      await agent.close().catch(() => {});
      await driver.close();
    },
  };
  open.add(api);
  return api;
}

const METRICS_PAGE = `# TYPE remessa_lines_total counter
remessa_lines_total{client="acme"} 5
remessa_lines_total{client="beta"} 7
# TYPE remessa_pool_queued gauge
remessa_pool_queued 0
`;

export const VALID_CPF = '52998224725';

export function line(ref: string, change: Readonly<Record<string, string | null>> = {}) {
  return {
    external_ref: ref,
    debtor_name: 'Maria Silva',
    cpf: VALID_CPF,
    amount: '123.45',
    due_date: '2026-03-10',
    ...change,
  };
}

export const HEADER = 'external_ref,debtor_name,cpf,amount,due_date\n';

export function csv(...refs: readonly string[]): string {
  return HEADER + refs.map((ref) => `${ref},Maria Silva,${VALID_CPF},123.45,2026-03-10\n`).join('');
}

export interface DescribedRoute {
  readonly method: string;
  /** As the description has it: `/v1/batches/{id}`. */
  readonly path: string;
}

/** Every route that the API describes. */
export async function describedRoutes(api: Api): Promise<DescribedRoute[]> {
  const { paths } = (await api.call('GET', '/openapi.json', { key: null })).json;
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })),
  );
}

/** Opens a submission and answers its id. */
export async function openSubmission(api: Api, json: unknown = {}, key = api.tokens.acme): Promise<string> {
  const made = await api.call('POST', '/v1/submissions', { key, json });
  if (made.status !== 201) throw new Error(made.text);
  return made.json.id;
}

const ASKING = { name: 'asking', version: 1, document: '{"format":1,"approval":"required"}', createdAtMs: 0 };

/** Whether what the client sends from now on is to be approved. */
export async function askForApproval(api: Api, client: 'acme' | 'beta', asks: boolean): Promise<void> {
  const { clients } = api.context;
  await clients.addProfile(ASKING);
  const known = await clients.get(client);
  if (known === undefined) throw new Error(`no client ${client}`);
  await clients.update({ ...known, profile: asks ? ASKING.name : 'default' });
}

/** Sends a file that is to be approved, as client acme, and has it previewed; answers its batch. */
export async function waitingBatch(api: Api, body = csv('r-1', 'r-2')): Promise<string> {
  await askForApproval(api, 'acme', true);
  const sent = await api.call('POST', '/v1/files', { body, headers: { 'content-type': 'text/csv' } });
  await askForApproval(api, 'acme', false);
  await api.world.runDry();
  const { state } = await api.world.batch(sent.json.id);
  if (state !== 'awaiting_approval') throw new Error(`it is ${state}`);
  return sent.json.id;
}

/** The bytes of the object that a batch was accepted with. */
export async function rawOf(api: Api, batch: string): Promise<string> {
  const { key } = await api.world.batch(batch);
  return Buffer.from((await api.context.objects.get(key)) ?? []).toString('utf8');
}

/** Keys of all raw objects. */
export async function rawObjects(api: Api): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of api.context.objects.list('raw/')) keys.push(key);
  return keys;
}
