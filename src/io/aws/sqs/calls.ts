/**
 * Calls to SQS as the queue's driver needs them: queues by their names, and the entries of a batch judged one
 * by one (batchEntries.ts).
 *
 * Faults: `SERVICE_IO`, `SERVICE_DENIED`. None holds a body, an id or a receipt.
 */
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type QueueAttributeName,
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { Clock } from '../../../core/clock.ts';
import { Fault } from '../../../core/faults.ts';
import type { RandomBytes } from '../../../core/ids.ts';
import { type EntryTries, type Outcome, outcomesOf, settleEntries } from '../batchEntries.ts';
import { serviceFault } from '../serviceFaults.ts';

export interface SqsCallsDeps {
  readonly client: SQSClient;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

export interface VisibilityEntry {
  readonly receipt: string;
  readonly seconds: number;
}

export class SqsCalls {
  readonly #options: EntryTries;
  readonly #deps: SqsCallsDeps;
  readonly #urls = new Map<string, string>();

  constructor(options: EntryTries, deps: SqsCallsDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  /** Runs one call and turns what it throws into a fault. */
  async call<Answer>(operation: string, send: (client: SQSClient) => Promise<Answer>): Promise<Answer> {
    try {
      return await send(this.#deps.client);
    } catch (error) {
      // The SDK compares the MD5 of bodies and throws a plain error where one differs.
      if (error instanceof Error && error.message.startsWith('Invalid MD5'))
        throw new Fault('SERVICE_IO', `SQS ${operation}: a body whose MD5 does not match`);
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
    return outcomesOf(entries.length, await this.call('SendMessageBatch', (client) => client.send(command)));
  }

  async changeVisibility(name: string, entries: readonly VisibilityEntry[]): Promise<Outcome[]> {
    const Entries = entries.map(({ receipt, seconds }, i) => ({
      Id: String(i),
      ReceiptHandle: receipt,
      VisibilityTimeout: seconds,
    }));
    const command = new ChangeMessageVisibilityBatchCommand({ QueueUrl: await this.urlOf(name), Entries });
    return outcomesOf(
      entries.length,
      await this.call('ChangeMessageVisibilityBatch', (client) => client.send(command)),
    );
  }

  async delete(name: string, receipts: readonly string[]): Promise<Outcome[]> {
    const Entries = receipts.map((receipt, i) => ({ Id: String(i), ReceiptHandle: receipt }));
    const command = new DeleteMessageBatchCommand({ QueueUrl: await this.urlOf(name), Entries });
    return outcomesOf(receipts.length, await this.call('DeleteMessageBatch', (client) => client.send(command)));
  }

  /** As `settleEntries`. */
  async settle<Entry>(
    operation: string,
    entries: readonly Entry[],
    ask: (left: readonly Entry[]) => Promise<readonly Outcome[]>,
  ): Promise<(string | undefined)[]> {
    return await settleEntries({ service: 'SQS', operation }, this.#options, this.#deps, entries, ask);
  }
}
