/** An HTTP server that speaks SQS's JSON protocol as far as the driver does, and answers what a test's script says. */
import { createHash } from 'node:crypto';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { closeServer, listen } from '../support.ts';

export interface Entry {
  readonly Id: string;
  readonly MessageBody?: string;
  readonly MessageGroupId?: string;
  readonly MessageAttributes?: Readonly<Record<string, { readonly StringValue: string }>>;
  readonly ReceiptHandle?: string;
  readonly VisibilityTimeout?: number;
}

export interface Asked {
  readonly operation: string;
  readonly body: Readonly<Record<string, unknown>> & { readonly Entries?: readonly Entry[] };
}

export type Answer =
  | { readonly status: number; readonly body: unknown }
  /** Takes the request and cuts the connection instead of answering. */
  | 'lost';

/** `call` counts the requests of this operation from 1. */
export type Script = (asked: Asked, call: number) => Answer | undefined | Promise<Answer | undefined>;

export class FakeSqs {
  readonly asked: Asked[] = [];
  script: Script = () => undefined;
  readonly #server: Server;
  #endpoint = '';

  constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const operation = String(request.headers['x-amz-target']).split('.').at(-1) ?? '';
        void this.#answer({ operation, body: JSON.parse(Buffer.concat(chunks).toString()) }, response);
      });
    });
  }

  get endpoint(): string {
    return this.#endpoint;
  }

  async start(): Promise<this> {
    this.#endpoint = await listen(this.#server);
    return this;
  }

  close(): Promise<void> {
    return closeServer(this.#server);
  }

  calls(operation: string): Asked[] {
    return this.asked.filter((asked) => asked.operation === operation);
  }

  async #answer(asked: Asked, response: ServerResponse): Promise<void> {
    this.asked.push(asked);
    const answer = (await this.script(asked, this.calls(asked.operation).length)) ?? plain(asked);
    if (answer === 'lost') {
      response.destroy();
      return;
    }
    response.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(JSON.stringify(answer.body));
  }
}

/** Everything is taken, nothing waits. */
function plain({ operation, body }: Asked): Answer {
  if (operation === 'GetQueueUrl') {
    return { status: 200, body: { QueueUrl: `http://sqs.test/1/${String(body['QueueName'])}` } };
  }
  return body.Entries === undefined ? { status: 200, body: {} } : partly(body.Entries, () => undefined);
}

export interface Refusal {
  readonly Code: string;
  readonly SenderFault: boolean;
}

/** An answer that takes the entries but those that `judge` has something against. */
export function partly(entries: readonly Entry[], judge: (entry: Entry) => Refusal | undefined): Answer {
  const Successful: unknown[] = [];
  const Failed: unknown[] = [];
  for (const entry of entries) {
    const refusal = judge(entry);
    if (refusal === undefined)
      Successful.push({ Id: entry.Id, MessageId: 'm', MD5OfMessageBody: md5(entry.MessageBody ?? '') });
    else Failed.push({ Id: entry.Id, ...refusal });
  }
  return { status: 200, body: { Successful, Failed } };
}

export function failure(status: number, type: string): Answer {
  return { status, body: { __type: `com.amazonaws.sqs#${type}`, message: 'why' } };
}

/** What a poll brings. */
export function messages(...receipts: string[]): Answer {
  const Messages = receipts.map((receipt) => ({
    MessageId: `sqs-${receipt}`,
    ReceiptHandle: receipt,
    Body: `body of ${receipt}`,
    MD5OfBody: md5(`body of ${receipt}`),
    Attributes: { ApproximateReceiveCount: '2' },
    MessageAttributes: {
      id: { DataType: 'String', StringValue: `id-${receipt}` },
      group: { DataType: 'String', StringValue: 'acme' },
    },
  }));
  return { status: 200, body: { Messages } };
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex');
}
