/**
 * The queues as `provision` wants them: each with dead letters of its own that take from no other queue, kept longer than
 * a message can have waited before; encrypted; and told by those alone who have something to tell.
 */
import { isDeepStrictEqual } from 'node:util';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type QueueAttributeName,
  SetQueueAttributesCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { errorName } from '../serviceFaults.ts';
import { AS_WANTED, type Aspect, differs, MISSING, type Resource } from './aspects.ts';
import { missingStatements, type Statement, tlsOnly, withStatements } from './policies.ts';

export interface QueueWish {
  readonly name: string;
  readonly deadLetters: string;
  /** What a message's visibility is where a receiver does not say. */
  readonly leaseMs: number;
  /** SQS counts to 1,000: a larger number means that. */
  readonly receivesMax: number;
  readonly tls: boolean;
  /** Who may send besides the account's own roles; asked for when it is needed. */
  senders?(queueArn: string): Promise<readonly Statement[]>;
}

const DAY_S = 86_400;
const KEPT_DAYS = 10;
/** A message that dies keeps the time at which it was first sent. */
const DEAD_KEPT_DAYS = 14;
const LONG_POLL_S = 20;
const RECEIVES_MAX = 1000;
const NO_QUEUE: ReadonlySet<string> = new Set(['QueueDoesNotExist', 'AWS.SimpleQueueService.NonExistentQueue']);

type Attributes = Partial<Record<QueueAttributeName, string>>;

/** Its dead letters first. */
export function queueResources(sqs: SQSClient, wish: QueueWish): Resource[] {
  const dead = new QueueAt(sqs, wish.deadLetters);
  const queue = new QueueAt(sqs, wish.name);
  return [
    {
      name: `queue ${wish.deadLetters}`,
      service: 'SQS',
      aspects: [
        dead.itself(),
        dead.attributes('times', async () => ({ MessageRetentionPeriod: String(DEAD_KEPT_DAYS * DAY_S) })),
        dead.encryption(),
        ...dead.policy(wish.tls, undefined),
      ],
    },
    {
      name: `queue ${wish.name}`,
      service: 'SQS',
      aspects: [
        queue.itself(),
        queue.attributes('times', async () => ({
          VisibilityTimeout: String(Math.ceil(wish.leaseMs / 1000)),
          MessageRetentionPeriod: String(KEPT_DAYS * DAY_S),
          ReceiveMessageWaitTimeSeconds: String(LONG_POLL_S),
        })),
        queue.encryption(),
        queue.attributes('dead letters', async () => ({
          RedrivePolicy: JSON.stringify({
            deadLetterTargetArn: await dead.arn(),
            maxReceiveCount: Math.min(RECEIVES_MAX, wish.receivesMax),
          }),
        })),
        dead.attributes('dead letters of it alone', async () => ({
          RedriveAllowPolicy: JSON.stringify({
            redrivePermission: 'byQueue',
            sourceQueueArns: [await queue.arn()],
          }),
        })),
        ...queue.policy(wish.tls, wish.senders),
      ],
    },
  ];
}

/** Whether SQS says that it has no queue of the name. */
export function isNoQueue(error: unknown): boolean {
  return NO_QUEUE.has(errorName(error));
}

/** A queue by its name: it may come to be while this is held. */
export class QueueAt {
  readonly #sqs: SQSClient;
  readonly #name: string;
  #url: string | undefined;

  constructor(sqs: SQSClient, name: string) {
    this.#sqs = sqs;
    this.#name = name;
  }

  async url(): Promise<string> {
    if (this.#url === undefined) {
      const { QueueUrl = '' } = await this.#sqs.send(new GetQueueUrlCommand({ QueueName: this.#name }));
      this.#url = QueueUrl;
    }
    return this.#url;
  }

  async arn(): Promise<string> {
    return (await this.#get('QueueArn')).QueueArn ?? '';
  }

  itself(): Aspect {
    return {
      name: 'itself',
      look: async () => {
        try {
          await this.url();
          return AS_WANTED;
        } catch (error) {
          if (isNoQueue(error)) return MISSING;
          throw error;
        }
      },
      make: async () => {
        await this.#sqs.send(new CreateQueueCommand({ QueueName: this.#name }));
      },
    };
  }

  attributes(name: string, wanted: () => Promise<Attributes>): Aspect {
    return {
      name,
      look: async () => {
        const want = await wanted();
        const names = Object.keys(want) as QueueAttributeName[];
        const have = await this.#get(...names);
        const wrong = names.filter((key) => !isDeepStrictEqual(meaningOf(have[key]), meaningOf(want[key])));
        return wrong.length === 0
          ? AS_WANTED
          : differs(wrong.map((key) => `${key} is ${have[key] ?? 'not set'}`).join(', '));
      },
      make: async () => {
        await this.#set(await wanted());
      },
    };
  }

  /** Under SQS's own key, or one of the account's. */
  encryption(): Aspect {
    return {
      name: 'encryption',
      look: async () => {
        const { SqsManagedSseEnabled, KmsMasterKeyId } = await this.#get('SqsManagedSseEnabled', 'KmsMasterKeyId');
        return SqsManagedSseEnabled === 'true' || (KmsMasterKeyId ?? '') !== '' ? AS_WANTED : differs('none');
      },
      make: async () => {
        await this.#set({ SqsManagedSseEnabled: 'true' });
      },
    };
  }

  policy(tls: boolean, senders: QueueWish['senders']): Aspect[] {
    if (!tls && senders === undefined) return [];
    const wanted = async (): Promise<Statement[]> => {
      const arn = await this.arn();
      return [...(tls ? [tlsOnly('sqs:*', arn)] : []), ...((await senders?.(arn)) ?? [])];
    };
    return [
      {
        name: 'policy',
        look: async () => {
          const missing = missingStatements((await this.#get('Policy')).Policy, await wanted());
          return missing.length === 0
            ? AS_WANTED
            : differs(`statements: ${missing.map((statement) => statement.Sid).join(', ')}`);
        },
        make: async () => {
          const before = (await this.#get('Policy')).Policy;
          await this.#set({ Policy: withStatements(before, await wanted()) });
        },
      },
    ];
  }

  async #get(...names: QueueAttributeName[]): Promise<Attributes> {
    const QueueUrl = await this.url();
    const asked = await this.#sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: names }));
    return asked.Attributes ?? {};
  }

  async #set(Attributes: Attributes): Promise<void> {
    const QueueUrl = await this.url();
    await this.#sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: Attributes as Record<string, string> }));
  }
}

/** Policies are JSON, whose spaces, order and kinds of number say nothing. */
function meaningOf(text: string | undefined): unknown {
  if (text === undefined || !text.startsWith('{')) return text;
  try {
    return JSON.parse(text, (_key, value: unknown) => (typeof value === 'number' ? String(value) : value));
  } catch {
    return text;
  }
}
