/**
 * The queue of the bucket's notifications: receiving, keeping invisible, giving back and deleting messages.
 *
 * Promises
 * - A message is deleted only when told to be; what SQS could not delete or keep is told to the caller, who asks again.
 * - A message that nobody settles becomes visible again, and after the queue's `maxReceiveCount` goes to its dead letters.
 * - A poll is let to finish: ending one could strand what it had received. It lasts `waitMs` at most.
 *
 * The SQS client repeats what may pass by itself. Faults: `SERVICE_IO`, `SERVICE_DENIED`.
 */
import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageBatchCommand,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { serviceFault } from '../serviceFaults.ts';

export interface NoticesOptions {
  readonly queueUrl: string;
  /** How long a received message stays invisible to others unless that is renewed; at most 12 hours. */
  readonly visibilityMs: number;
}

export interface Notice {
  readonly id: string;
  readonly receipt: string;
  readonly body: string;
}

/** Of SQS: messages of one request, and how long one may be kept invisible since it was received. */
const BATCH_MAX = 10;
const WAIT_SECONDS_MAX = 20;
export const INVISIBLE_MS_MAX = 12 * 3_600_000;

export class S3Notices {
  readonly #client: SQSClient;
  readonly #options: NoticesOptions;

  constructor(client: SQSClient, options: NoticesOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** Up to ten messages; waits up to `waitMs` (in seconds begun) for the first. */
  async receive(waitMs: number): Promise<Notice[]> {
    const command = new ReceiveMessageCommand({
      QueueUrl: this.#options.queueUrl,
      MaxNumberOfMessages: BATCH_MAX,
      WaitTimeSeconds: Math.min(WAIT_SECONDS_MAX, Math.ceil(waitMs / 1000)),
      VisibilityTimeout: seconds(this.#options.visibilityMs),
    });
    const { Messages } = await this.#call('ReceiveMessage', () => this.#client.send(command));
    return (Messages ?? []).flatMap(({ MessageId, ReceiptHandle, Body }) =>
      MessageId === undefined || ReceiptHandle === undefined
        ? []
        : [{ id: MessageId, receipt: ReceiptHandle, body: Body ?? '' }],
    );
  }

  /** Answers the ids of those that SQS did not delete. */
  async delete(notices: readonly Notice[]): Promise<Set<string>> {
    return await this.#inBatches(notices, async (some) => {
      const Entries = some.map(({ receipt }, i) => ({ Id: String(i), ReceiptHandle: receipt }));
      const command = new DeleteMessageBatchCommand({ QueueUrl: this.#options.queueUrl, Entries });
      return (await this.#call('DeleteMessageBatch', () => this.#client.send(command))).Failed;
    });
  }

  /** Keeps them invisible for `ms` from now on (0 gives them back). Answers the ids of those that SQS did not keep. */
  async keep(notices: readonly Notice[], ms: number = this.#options.visibilityMs): Promise<Set<string>> {
    const VisibilityTimeout = seconds(ms);
    return await this.#inBatches(notices, async (some) => {
      const Entries = some.map(({ receipt }, i) => ({ Id: String(i), ReceiptHandle: receipt, VisibilityTimeout }));
      const command = new ChangeMessageVisibilityBatchCommand({ QueueUrl: this.#options.queueUrl, Entries });
      return (await this.#call('ChangeMessageVisibilityBatch', () => this.#client.send(command))).Failed;
    });
  }

  async #inBatches(
    notices: readonly Notice[],
    send: (some: readonly Notice[]) => Promise<readonly { readonly Id?: string | undefined }[] | undefined>,
  ): Promise<Set<string>> {
    const failed = new Set<string>();
    for (let from = 0; from < notices.length; from += BATCH_MAX) {
      const some = notices.slice(from, from + BATCH_MAX);
      for (const { Id } of (await send(some)) ?? []) {
        const notice = some[Number(Id)];
        if (notice !== undefined) failed.add(notice.id);
      }
    }
    return failed;
  }

  async #call<Answer>(operation: string, send: () => Promise<Answer>): Promise<Answer> {
    try {
      return await send();
    } catch (error) {
      throw serviceFault({ service: 'SQS', operation }, error);
    }
  }
}

function seconds(ms: number): number {
  return Math.ceil(Math.min(ms, INVISIBLE_MS_MAX) / 1000);
}
