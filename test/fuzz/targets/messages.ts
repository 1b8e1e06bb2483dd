/**
 * Messages of the work queues: those of the engine itself, changed, of other batches, of builds that are gone and of
 * nobody, mixed into a batch's own and handled by every stage. None throws out of its handler, and the batches end as if
 * none had come.
 */
import { type Fault, isFault } from '../../../src/core/faults.ts';
import type { ReceivedMessage } from '../../../src/io/ports/queue.ts';
import { decodeMessage, QUEUES } from '../../../src/stages/batch/messages.ts';
import { handlerOf } from '../../../src/stages/handlers.ts';
import type { Random } from '../../oracle/random.ts';
import { fileOf } from '../../support/files.ts';
import { TINY, World } from '../../support/world.ts';
import { targetSource } from '../fuzz.ts';
import { jsonText, mutatedJson } from '../mutate.ts';

interface Strays {
  /** After so many of the engine's own messages comes this body, to this queue. */
  readonly strays: readonly { readonly after: number; readonly queue: string; readonly body: string }[];
}

const FILES = [
  fileOf(...Array.from({ length: 14 }, (_, k) => ({ ref: `R-${k}`, amount: `${k + 1}.00` }))),
  fileOf({ ref: 'R-3', amount: '99.00' }, { ref: 'R-x', cpf: '1' }, { ref: 'R-3' }),
];

const KINDS = ['pick', 'range', 'settle', 'line', 'shard', 'finish', 'free', 'ask', 'notify'];

/** Of the two batches that are on their way, or of one that never was. Their ids are the same in every world. */
const IDS = ['b-first', 'b-second', 'b-none'];

function strayBody(random: Random): string {
  const message: Record<string, unknown> = { kind: random.pick(KINDS), batch: random.pick(IDS) };
  if (message['kind'] === 'range') message['range'] = random.integer(0, 4);
  if (message['kind'] === 'line') message['client'] = random.pick(['acme', 'acme', 'beta', '']);
  if (message['kind'] === 'shard') {
    message['shard'] = random.integer(0, 4);
    message['mode'] = random.pick(['apply', 'preview']);
  }
  if (random.chance(0.3)) return JSON.stringify(message);
  const wrapped = random.chance(0.1) ? { Type: 'Notification', Message: JSON.stringify(message) } : message;
  return jsonText(random, mutatedJson(random, wrapped));
}

async function run({ strays }: Strays, decode: typeof decodeMessage): Promise<{ state: string; wrong?: string }> {
  const world = new World({ ...TINY, settings: { ...TINY.settings, receivesMax: 20 } });
  const context = world.process();
  for (const [at, id] of ['b-first', 'b-second'].entries()) await world.accept(context, FILES[at] as string, { id });
  const handler = handlerOf(context);
  let handled = 0;
  let wrong: string | undefined;
  const stray = async ({ queue, body }: Strays['strays'][number]): Promise<void> => {
    const says = decodedWrong(body, decode);
    if (says !== undefined) wrong ??= says;
    const message: ReceivedMessage = { id: 'stray', group: 'acme', body, receives: 1, receipt: 'r' } as ReceivedMessage;
    // Whoever throws here leaves the message unsettled: it comes again and again, and nothing says why.
    await handler(message, new AbortController().signal).catch((error: unknown) => {
      wrong ??= `the handler of ${queue} throws ${error instanceof Error ? error.stack : String(error)}`;
    });
  };
  const due = [...strays].sort((a, b) => a.after - b.after);
  for (let idle = 0; idle < 3; ) {
    while (due[0] !== undefined && (due[0].after <= handled || idle > 1)) await stray(due.shift() as (typeof due)[0]);
    let any = false;
    for (const queue of QUEUES) {
      if (!(await world.handleOne(context, queue))) continue;
      any = true;
      handled += 1;
      if (handled > 2000) return { state: '', wrong: 'messages come without end' };
    }
    if (any) idle = 0;
    else {
      idle += 1;
      await world.clock.advance(world.settings.retryMsMax);
    }
  }
  const batches = IDS.slice(0, 2).map((id) => ({ ...world.stored({ id }), revision: 0, owed: [] }));
  const ends = batches.map(({ state, failure, turn, number }) => JSON.stringify({ state, failure, turn, number }));
  const receipts = batches.map(({ id }) => {
    const {
      acceptedAt: _a,
      finishedAt: _f,
      seconds: _s,
      linesPerSecond: _l,
      ...receipt
    } = world.receiptOf({ id }) ?? {};
    return JSON.stringify(receipt);
  });
  const debts = JSON.stringify(world.debts.all('acme').map(({ createdAtMs: _c, changedAtMs: _d, ...debt }) => debt));
  const bug = world.events.find(({ name, fields }) => name === 'work.failed' && fields['code'] === 'BUG');
  if (bug !== undefined) wrong ??= `a bug: ${JSON.stringify(bug.fields)}`;
  return { state: [...ends, ...receipts, debts].join('\n'), ...(wrong === undefined ? {} : { wrong }) };
}

/** A body is a message or `STORE_CORRUPT`, and a message is none but of the shapes there are. */
function decodedWrong(body: string, decode: typeof decodeMessage): string | undefined {
  try {
    const message = decode(body) as unknown as Record<string, unknown>;
    const { kind, batch, range, shard, mode, client } = message;
    const index = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;
    const right =
      KINDS.includes(String(kind)) &&
      typeof batch === 'string' &&
      (kind !== 'range' || index(range)) &&
      (kind !== 'line' || typeof client === 'string') &&
      (kind !== 'shard' || (index(shard) && (mode === 'apply' || mode === 'preview')));
    return right ? undefined : `taken for a message: ${body}`;
  } catch (error) {
    return isFault(error) && (error as Fault).code === 'STORE_CORRUPT'
      ? undefined
      : `reading it throws ${String(error)}`;
  }
}

/** Takes whatever names a kind and a batch. */
const credulous = ((body: string) => {
  const value = JSON.parse(body) as { kind?: unknown; batch?: unknown } | null;
  return value?.kind !== undefined && value.batch !== undefined ? value : decodeMessage(body);
}) as typeof decodeMessage;

export const MESSAGES = targetSource<Strays>({
  name: 'messages',
  plants: ['takes any shape'],
  async open(plant) {
    const decode = plant === undefined ? decodeMessage : credulous;
    const calm = await run({ strays: [] }, decodeMessage);
    return {
      make: (random) => ({
        strays: Array.from({ length: random.integer(1, 12) }, () => ({
          after: random.integer(0, 40),
          queue: random.pick(QUEUES),
          body: strayBody(random),
        })),
      }),
      async judge(input) {
        const { state, wrong } = await run(input, decode);
        if (wrong !== undefined) return wrong;
        return state === calm.state ? undefined : `it ended as\n${state}\ninstead of\n${calm.state}`;
      },
    };
  },
});
