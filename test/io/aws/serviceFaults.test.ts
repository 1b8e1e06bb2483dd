/** What the SDK throws, as faults: over a server that answers what a case says, and with errors as Node and the SDK make them. */
import { createServer } from 'node:http';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { describe, expect, it } from 'vitest';
import { Fault } from '../../../src/core/faults.ts';
import { errorName, isThrottled, serviceFault } from '../../../src/io/aws/serviceFaults.ts';
import { closeServer, listen } from './support.ts';

const AT = { service: 'SQS', operation: 'SendMessage' };
const CPF = '52998224725';

/** What an SDK client throws where the service answers so. */
async function thrownBy(status: number, type: string): Promise<unknown> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-requestid': 'r-1' });
      response.end(JSON.stringify({ __type: `com.amazonaws.sqs#${type}`, message: `not ${CPF}` }));
    });
  });
  const client = new SQSClient({
    endpoint: await listen(server),
    region: 'sa-east-1',
    credentials: { accessKeyId: 'A', secretAccessKey: 's' },
    maxAttempts: 1,
  });
  try {
    const QueueUrl = 'http://127.0.0.1/1/q';
    return await client.send(new SendMessageCommand({ QueueUrl, MessageBody: 'b' })).catch((error: unknown) => error);
  } finally {
    client.destroy();
    await closeServer(server);
  }
}

describe('an answer of a service', () => {
  it.each([
    [400, 'ThrottlingException', 'SERVICE_IO'],
    [503, 'ServiceUnavailable', 'SERVICE_IO'],
    [400, 'InvalidMessageContents', 'SERVICE_IO'],
    [403, 'RequestExpired', 'SERVICE_IO'],
    [400, 'AccessDeniedException', 'SERVICE_DENIED'],
    [403, 'SomethingNewException', 'SERVICE_DENIED'],
    [400, 'UnrecognizedClientException', 'SERVICE_DENIED'],
  ])('%i %s is %s and tells no message', async (status, type, code) => {
    const error = await thrownBy(status, type);
    const fault = serviceFault({ ...AT, place: { batch: 'b-1' } }, error);
    expect(fault).toMatchObject({ code, place: { batch: 'b-1' }, cause: error });
    expect((fault as Fault).detail).toMatch(new RegExp(`^SQS SendMessage: ${type}.*HTTP ${status}, request r-1$`));
    expect(String(fault)).not.toContain(CPF);
    expect(isThrottled(error)).toBe(type === 'ThrottlingException');
  });
});

describe('the lack of an answer', () => {
  it.each([
    'ECONNREFUSED',
    'EAI_AGAIN',
    'UND_ERR_SOCKET',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'HPE_INVALID_CONSTANT',
  ])('%s is SERVICE_IO', (code) => {
    const error = Object.assign(new Error(`connect to ${CPF}`), { code });
    expect(serviceFault(AT, error)).toMatchObject({ code: 'SERVICE_IO', detail: `SQS SendMessage: ${code}` });
  });

  it('a deadline is SERVICE_IO; no credentials are SERVICE_DENIED', () => {
    const named = (name: string): Error => Object.assign(new Error('why'), { name });
    expect(serviceFault(AT, named('TimeoutError'))).toMatchObject({ code: 'SERVICE_IO' });
    expect(serviceFault(AT, named('CredentialsProviderError'))).toMatchObject({ code: 'SERVICE_DENIED' });
  });
});

describe('what comes back as it is', () => {
  it.each([
    new Fault('STORE_CORRUPT'),
    new TypeError('a bug'),
    Object.assign(new TypeError('a bug'), { code: 'ERR_INVALID_ARG_TYPE' }),
    'no error at all',
  ])('%s', (error) => {
    expect(serviceFault(AT, error)).toBe(error);
  });
});

describe('a name', () => {
  it('is the last part of what the service says, and never free text', () => {
    const named = (name: string): Error => Object.assign(new Error('why'), { name });
    expect(errorName(named('AWS.SimpleQueueService.NonExistentQueue'))).toBe('NonExistentQueue');
    expect(errorName(named(`no ${CPF}`))).toBe('unknown error');
    expect(errorName(undefined)).toBe('unknown error');
  });
});
