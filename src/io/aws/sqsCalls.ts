/**
 * Calls to SQS as the queue's driver needs them: queues by their names, entries of a batch judged one by one, and what
 * passes repeated with jitter between, up to `triesMax`.
 *
 * A call that fails as a whole is repeated by the SDK's client (`maxAttempts`), and not here as well; entries that a
 * successful call did not take are repeated here, because nobody else does.
 *
 * Faults: `SERVICE_IO`, `SERVICE_DENIED`. None holds a body, an id or a receipt.
 */
import {
  type BatchResultErrorEntry,
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type QueueAttributeName,
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { Clock } from '../../core/clock.ts';
import { Fault } from '../../core/faults.ts';
import type { RandomBytes } from '../../core/ids.ts';
import { refusedEntry, serviceFault } from './serviceFaults.ts';

export interface SqsCallsOptions {
  /** Tries of an entry, the first included. */
  readonly triesMax: number;
  readonly retryMsMin: number;
  readonly retryMsMax: number;
}

export interface SqsCallsDeps {
  readonly client: SQSClient;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

/** What became of one entry: `refused` for good (the sender's fault), `failed` for now. */
export type Outcome = { readonly kind: 'done' } | { readonly kind: 'refused' | 'failed'; readonly code: string };

export interface VisibilityEntry {
  readonly receipt: string;
  readonly seconds: number;
}

/** Of SQS: entries of one call. */
export const ENTRIES_MAX = 10;

export class SqsCalls {
  readonly #options: SqsCallsOptions;
  readonly #deps: SqsCallsDeps;
  readonly #urls = new Map<string, string>();

  constructor(options: SqsCallsOptions, deps: SqsCallsDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Runs one call and turns what it throws into a fault. */
  async call<Answer>(operation: string, send: (client: SQSClient) => Promise<Answer>): Promise<Answer> {
    try {
      return await send(this.#deps.client);
    } catch (error) {
      throw serviceFault({ service: 'SQS', operation }, error);
    }
  }

  async urlOf(name: string): Promise<string> {
    const known = this.#urls.get(name);
    if (known !== undefined) return known;
    const command = new GetQueueUrlCommand({ QueueName: name });
    const { QueueUrl } = await this.call('GetQueueUrl', (client) => client.send(command));
    if (QueueUrl === undefined) throw new Fault('SERVICE_IO', `SQS GetQueueUrl: no address of ${name}`);
    this.#urls.set(name, QueueUrl);
    return QueueUrl;
  }

  async attributesOf(
    name: string,
    ...attributes: QueueAttributeName[]
  ): Promise<Partial<Record<QueueAttributeName, string>>> {
    const command = new GetQueueAttributesCommand({ QueueUrl: await this.urlOf(name), AttributeNames: attributes });
    return (await this.call('GetQueueAttributes', (client) => client.send(command))).Attributes ?? {};
  }

  /** Ten entries at most, whose ids are their places. */
  async send(name: string, entries: readonly Omit<SendMessageBatchRequestEntry, 'Id'>[]): Promise<Outcome[]> {
    const Entries = entries.map((entry, i) => ({ ...entry, Id: String(i) }));
    const command = new SendMessageBatchCommand({ QueueUrl: await this.urlOf(name), Entries });
    return outcomes(entries.length, await this.call('SendMessageBatch', (client) => client.send(command)));
  }

  async changeVisibility(name: string, entries: readonly VisibilityEntry[]): Promise<Outcome[]> {
    const Entries = entries.map(({ receipt, seconds }, i) => ({
      Id: String(i),
      ReceiptHandle: receipt,
      VisibilityTimeout: seconds,
    }));
    const command = new ChangeMessageVisibilityBatchCommand({ QueueUrl: await this.urlOf(name), Entries });
    return outcomes(entries.length, await this.call('ChangeMessageVisibilityBatch', (client) => client.send(command)));
  }

  async delete(name: string, receipts: readonly string[]): Promise<Outcome[]> {
    const Entries = receipts.map((receipt, i) => ({ Id: String(i), ReceiptHandle: receipt }));
    const command = new DeleteMessageBatchCommand({ QueueUrl: await this.urlOf(name), Entries });
    return outcomes(receipts.length, await this.call('DeleteMessageBatch', (client) => client.send(command)));
  }

  /**
   * Asks until everything is done or refused for good; `ask` gets what is left and answers in that order. Throws once
   * entries have failed `triesMax` times. Answers what was refused, or `undefined`, in the order of the entries.
   */
  async settle<Entry>(
    operation: string,
    entries: readonly Entry[],
    ask: (left: readonly Entry[]) => Promise<readonly Outcome[]>,
  ): Promise<(string | undefined)[]> {
    const refused: (string | undefined)[] = entries.map(() => undefined);
    let left = entries.map((_, i) => i);
    for (let tries = 1; ; tries++) {
      const answers = await ask(left.map((i) => entries[i] as Entry));
      let last = '';
      left = left.filter((i, at) => {
        const outcome = answers[at] as Outcome;
        if (outcome.kind === 'refused') refused[i] = outcome.code;
        if (outcome.kind === 'failed') last = outcome.code;
        return outcome.kind === 'failed';
      });
      if (left.length === 0) return refused;
      if (tries >= this.#options.triesMax) throw refusedEntry({ service: 'SQS', operation }, last, left.length, tries);
      await this.#deps.clock.sleep(this.#delayMs(tries));
    }
  }

  /** Exponential with full jitter. */
  #delayMs(tries: number): number {
    const { retryMsMin, retryMsMax } = this.#options;
    const ceilingMs = Math.min(retryMsMax, retryMsMin * 2 ** Math.min(tries, 30));
    const share = Buffer.from(this.#deps.random(4)).readUInt32LE() / 2 ** 32;
    return Math.round(retryMsMin + share * Math.max(0, ceilingMs - retryMsMin));
  }
}

/** An entry that the answer does not mention was not taken, as far as anyone knows. */
function outcomes(
  count: number,
  answer: {
    readonly Successful?: readonly { readonly Id?: string | undefined }[] | undefined;
    readonly Failed?: readonly BatchResultErrorEntry[] | undefined;
  },
): Outcome[] {
  const all: Outcome[] = Array.from({ length: count }, () => ({ kind: 'failed', code: 'NoAnswer' }));
  for (const { Id } of answer.Successful ?? []) all[Number(Id)] = { kind: 'done' };
  for (const { Id, Code, SenderFault } of answer.Failed ?? [])
    all[Number(Id)] = { kind: SenderFault === true ? 'refused' : 'failed', code: Code ?? '' };
  return all.slice(0, count);
}
