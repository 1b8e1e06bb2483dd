/** Signing, against AWS's published test suite and examples, and against the SDK's own signer. */
import { SignatureV4 } from '@smithy/signature-v4';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { amzDate, Signer, sha256Hex } from '../../../src/io/aws/sigv4.ts';
import { Sha256 } from './s3/sha256.ts';

/** Those of AWS's «aws4_testsuite». */
const SUITE = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const SUITE_DATE = '20150830T123600Z';
const HOST = ['host', 'example.amazonaws.com'] as const;
const DATE = ['x-amz-date', SUITE_DATE] as const;

const VECTORS: readonly {
  readonly name: string;
  readonly method: string;
  readonly query: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  readonly signature: string;
}[] = [
  {
    name: 'get-vanilla',
    method: 'GET',
    query: '',
    headers: [HOST, DATE],
    body: '',
    signature: '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
  },
  {
    name: 'get-vanilla-query-order-key-case',
    method: 'GET',
    query: 'Param1=value1&Param2=value2',
    headers: [HOST, DATE],
    body: '',
    signature: 'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
  },
  {
    name: 'post-vanilla',
    method: 'POST',
    query: '',
    headers: [HOST, DATE],
    body: '',
    signature: '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
  },
  {
    name: 'post-x-www-form-urlencoded',
    method: 'POST',
    query: '',
    headers: [['content-type', 'application/x-www-form-urlencoded'], HOST, DATE],
    body: 'Param1=value1',
    signature: 'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
  },
];

describe('signature version 4', () => {
  it.each(VECTORS)('gives the published signature of $name', ({ method, query, headers, body, signature }) => {
    const signer = new Signer('us-east-1', 'service');
    const request = { method, path: '/', query, headers, bodySha256: sha256Hex(body) };
    const names = headers.map(([name]) => name).join(';');
    expect(signer.authorization(request, SUITE_DATE, SUITE)).toBe(
      `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, ` +
        `SignedHeaders=${names}, Signature=${signature}`,
    );
  });

  it('gives the published signature of the IAM example', () => {
    const signer = new Signer('us-east-1', 'iam');
    const request = {
      method: 'GET',
      path: '/',
      query: 'Action=ListUsers&Version=2010-05-08',
      headers: [
        ['content-type', 'application/x-www-form-urlencoded; charset=utf-8'],
        ['host', 'iam.amazonaws.com'],
        DATE,
      ] as const,
      bodySha256: sha256Hex(''),
    };
    expect(signer.authorization(request, SUITE_DATE, SUITE)).toContain(
      'Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
    );
  });

  it('agrees with the SDK’s signer, across days and credentials, from one signer', async () => {
    const ours = new Signer('sa-east-1', 'dynamodb');
    const text = fc
      .string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 40 })
      .map((t) => t.replaceAll(/\s/g, '_'));
    const made = fc.record({
      atMs: fc.integer({ min: Date.UTC(2015, 0, 1), max: Date.UTC(2035, 0, 1) }),
      secret: text,
      token: fc.option(text, { nil: undefined }),
      body: fc.string({ unit: 'binary', maxLength: 200 }),
    });
    await fc.assert(
      fc.asyncProperty(made, async ({ atMs, secret, token, body }) => {
        const credentials = {
          accessKeyId: 'AKIDEXAMPLE',
          secretAccessKey: secret,
          ...(token === undefined ? {} : { sessionToken: token }),
        };
        const theirs = new SignatureV4({ service: 'dynamodb', region: 'sa-east-1', credentials, sha256: Sha256 });
        const headers: Record<string, string> = {
          'content-type': 'application/x-amz-json-1.0',
          host: 'dynamodb.sa-east-1.amazonaws.com',
          'x-amz-target': 'DynamoDB_20120810.BatchWriteItem',
        };
        const signed = await theirs.sign(
          { method: 'POST', protocol: 'https:', hostname: headers['host'] as string, path: '/', headers, body },
          { signingDate: new Date(atMs), unsignableHeaders: new Set(['x-amz-content-sha256']) },
        );
        const date = amzDate(atMs);
        expect(signed.headers['x-amz-date']).toBe(date);
        const mine: [string, string][] = [
          ...Object.entries(headers),
          ['x-amz-date', date],
          ...(token === undefined ? [] : [['x-amz-security-token', token] as [string, string]]),
        ];
        mine.sort(([a], [b]) => (a < b ? -1 : 1));
        const request = { method: 'POST', path: '/', query: '', headers: mine, bodySha256: sha256Hex(body) };
        expect(ours.authorization(request, date, credentials)).toBe(signed.headers['authorization']);
      }),
      { seed: 20260115, numRuns: 200 },
    );
  });
});
