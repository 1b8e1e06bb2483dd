/** From settings to the options of the AWS drivers: which endpoint counts, whose it is, and that all of it crosses to a thread. */
import { describe, expect, it } from 'vitest';
import { type Settings, withDefaults } from '../../../src/config/schema.ts';
import { awsOptionsOf } from '../../../src/io/aws/options.ts';

function optionsWith(given: Partial<Settings>) {
  return awsOptionsOf(
    withDefaults({ driver: 'aws', awsRegion: 'sa-east-1', awsBucket: 'files', awsDocumentSecret: 's', ...given }, 1),
  );
}

describe('endpoints', () => {
  it('are those of the region, which are AWS’s and over TLS, where none is given', () => {
    const { clients, s3, staging, debts, endpoints } = optionsWith({});
    expect(clients.endpoints).toEqual({});
    for (const options of [s3, staging, debts]) expect(options).not.toHaveProperty('endpoint');
    for (const endpoint of Object.values(endpoints)) expect(endpoint).toEqual({ foreign: false, tls: true });
  });

  it('are the one for all but where a service has its own', () => {
    const { clients, s3, staging, debts, endpoints } = optionsWith({
      awsEndpoint: 'http://127.0.0.1:4566',
      awsEndpointDynamodb: 'https://tables.example.com:8000',
    });
    expect(clients.endpoints).toEqual({
      s3: 'http://127.0.0.1:4566',
      sqs: 'http://127.0.0.1:4566',
      sns: 'http://127.0.0.1:4566',
      dynamodb: 'https://tables.example.com:8000',
    });
    expect(s3.endpoint).toBe('http://127.0.0.1:4566');
    expect([staging.endpoint, debts.endpoint]).toEqual(Array(2).fill('https://tables.example.com:8000'));
    expect(endpoints.sqs).toEqual({ foreign: true, tls: false });
    expect(endpoints.dynamodb).toEqual({ foreign: true, tls: true });
  });

  it.each([
    ['https://bucket.vpce-0a1b-sqs.sa-east-1.vpce.amazonaws.com', false],
    ['https://s3.cn-north-1.amazonaws.com.cn', false],
    ['https://amazonaws.com.example.com', true],
    ['https://notamazonaws.com', true],
  ])('%s: foreign is %s', (awsEndpointS3, foreign) => {
    expect(optionsWith({ awsEndpointS3 }).endpoints.s3.foreign).toBe(foreign);
  });
});

describe('the options', () => {
  it('cross to a worker thread as they are', () => {
    const options = optionsWith({ awsEndpoint: 'http://127.0.0.1:4566' });
    expect(structuredClone(options)).toEqual(options);
  });

  it('let an object be as large as a file may be, inflated or not', () => {
    const objectBytesMax = (fileBytesMax: number, gzipInflatedBytesMax: number): number =>
      optionsWith({ fileBytesMax, gzipInflatedBytesMax }).objects.objectBytesMax;
    expect(objectBytesMax(5000, 9000)).toBe(9000);
    expect(objectBytesMax(9000, 5000)).toBe(9000);
  });

  it('look for lost notifications no further back than batches live', () => {
    const { reconciliation } = optionsWith({ awsBatchMsMax: 3_600_000, awsReconcileMs: 60_000 }).arrivals;
    expect(reconciliation).toMatchObject({ everyMs: 60_000, graceMs: 60_000, windowMs: 3_600_000 });
  });
});
