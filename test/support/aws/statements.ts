/**
 * BatchExecuteStatement for a server of DynamoDB's protocol that has no PartiQL: each INSERT and UPDATE of one item becomes a
 * PutItem or UpdateItem with a condition, asked of the same server. It knows no other statements and refuses them.
 *
 * Its answers were held against DynamoDB Local's: a key that is there is `DuplicateItem`, a WHERE that does not hold (and
 * an item that is not there) `ConditionalCheckFailed`; one key twice in a request refuses the whole request.
 */
import { Agent, request as httpRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

type Value = Readonly<Record<string, unknown>>;

interface Statement {
  readonly Statement: string;
  readonly Parameters: readonly Value[];
}

/** A statement as the call it comes to. */
interface Translated {
  readonly operation: 'PutItem' | 'UpdateItem';
  readonly body: object;
  readonly key: string;
  readonly refusedAs: string;
}

const INSERT = /^INSERT INTO "([\w.-]+)" VALUE \{(.+)\}$/;
const UPDATE = /^UPDATE "([\w.-]+)" (SET .+?) WHERE (.+)$/;

export function answerStatements(server: Server): void {
  const others = server.listeners('request') as ((request: IncomingMessage, response: ServerResponse) => void)[];
  const agent = new Agent({ keepAlive: true });
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (!String(request.headers['x-amz-target']).endsWith('.BatchExecuteStatement')) {
      for (const other of others) other.call(server, request, response);
      return;
    }
    const { port } = server.address() as AddressInfo;
    answer(request, (operation, body) => ask(agent, port, request, operation, body)).then(
      (answered) => {
        response.statusCode = '__type' in answered ? 400 : 200;
        response.end(JSON.stringify(answered));
      },
      () => response.destroy(),
    );
  });
  server.on('close', () => agent.destroy());
}

type Ask = (operation: string, body: object) => Promise<{ readonly __type?: string; readonly message?: string }>;

async function answer(request: IncomingMessage, ask: Ask): Promise<object> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { Statements } = JSON.parse(Buffer.concat(chunks).toString()) as { readonly Statements: readonly Statement[] };
  const translated = Statements.map(translate);
  if (Statements.length > 25 || new Set(translated.map(({ key }) => key)).size < Statements.length) {
    return { __type: 'com.amazon.coral.validate#ValidationException' };
  }
  const Responses = await Promise.all(
    translated.map(async ({ operation, body, refusedAs }) => {
      const { __type: type = '', message } = await ask(operation, body);
      if (type === '') return {};
      const refused = type.endsWith('#ConditionalCheckFailedException');
      return { Error: { Code: refused ? refusedAs : 'ValidationError', Message: message ?? type } };
    }),
  );
  return { Responses };
}

function translate({ Statement, Parameters }: Statement): Translated {
  const [, insertInto, items] = INSERT.exec(Statement) ?? [];
  if (insertInto !== undefined && items !== undefined) {
    const names = items.split(',').map((item) => /^'(\w+)':\?$/.exec(item)?.[1] ?? unknown(Statement));
    const Item = Object.fromEntries(names.map((name, i) => [name, Parameters[i]]));
    const body = { TableName: insertInto, Item, ConditionExpression: 'attribute_not_exists(pk)' };
    return { operation: 'PutItem', body, key: keyText(Item['pk'], Item['sk']), refusedAs: 'DuplicateItem' };
  }
  return update(Statement, Parameters);
}

function update(statement: string, parameters: readonly Value[]): Translated {
  const [, table, changes, where] = UPDATE.exec(statement) ?? unknown(statement);
  const values: Record<string, Value> = {};
  let taken = 0;
  const next = (): string => {
    const name = `:v${taken}`;
    values[name] = parameters[taken++] ?? unknown(statement);
    return name;
  };
  const sets: string[] = [];
  const removes: string[] = [];
  for (const change of String(changes).split(/ (?=SET |REMOVE )/)) {
    const [, set, remove] = /^(?:SET (\w+)=\?|REMOVE (\w+))$/.exec(change) ?? unknown(statement);
    if (set === undefined) removes.push(String(remove));
    else sets.push(`${set} = ${next()}`);
  }
  const Key: Record<string, Value> = {};
  const conditions = ['attribute_exists(pk)'];
  for (const condition of String(where).split(' AND ')) {
    const [, name, compared, missing] = /^(\w+)(?:(<=|=)\?|( IS MISSING))$/.exec(condition) ?? unknown(statement);
    if (missing !== undefined) conditions.push(`attribute_not_exists(${name})`);
    else if (name === 'pk' || name === 'sk') Key[name] = parameters[taken++] ?? unknown(statement);
    else conditions.push(`${name} ${compared} ${next()}`);
  }
  const body = {
    TableName: table,
    Key,
    UpdateExpression: `SET ${sets.join(', ')}${removes.length === 0 ? '' : ` REMOVE ${removes.join(', ')}`}`,
    ConditionExpression: conditions.join(' AND '),
    ExpressionAttributeValues: values,
  };
  return { operation: 'UpdateItem', body, key: keyText(Key['pk'], Key['sk']), refusedAs: 'ConditionalCheckFailed' };
}

function keyText(pk: Value | undefined, sk: Value | undefined): string {
  return JSON.stringify([pk, sk]);
}

function unknown(statement: string): never {
  throw new Error(`a statement that is not known here: ${statement}`);
}

function ask(agent: Agent, port: number, like: IncomingMessage, operation: string, body: object): ReturnType<Ask> {
  const sent = Buffer.from(JSON.stringify(body));
  const headers = {
    'content-type': 'application/x-amz-json-1.0',
    'content-length': sent.length,
    'x-amz-target': `DynamoDB_20120810.${operation}`,
    'x-amz-date': String(like.headers['x-amz-date']),
    authorization: String(like.headers['authorization']),
  };
  return new Promise((done, failed) => {
    const request = httpRequest({ agent, port, host: '127.0.0.1', method: 'POST', headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', failed);
      response.on('end', () => done(JSON.parse(Buffer.concat(chunks).toString()) as Awaited<ReturnType<Ask>>));
    });
    request.on('error', failed);
    request.end(sent);
  });
}
