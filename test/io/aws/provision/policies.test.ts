/** Statements are found in whatever form a service gives them back, and added without losing those of others. */
import { describe, expect, it } from 'vitest';
import {
  missingStatements,
  type Statement,
  tlsOnly,
  withStatements,
} from '../../../../src/io/aws/provision/policies.ts';

const ARN = 'arn:aws:s3:::files';
const TLS = tlsOnly('s3:*', [ARN, `${ARN}/*`]);

function policy(...statements: unknown[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: statements });
}

describe('the statements that a policy lacks', () => {
  it.each<[string, string | undefined]>([
    ['there is none', undefined],
    ['it is empty', ''],
    ['it is no JSON', '<ListBucketResult/>'],
    ['it has no statements', '{}'],
    ['it is for another resource', policy({ ...TLS, Resource: [ARN] })],
    ['it is for another action', policy({ ...TLS, Action: 's3:GetObject' })],
    ['it allows', policy({ ...TLS, Effect: 'Allow' })],
    ['it has no condition', policy({ ...TLS, Condition: undefined })],
    ['it is for one account', policy({ ...TLS, Principal: { AWS: '123456789012' } })],
  ])('are all of them where %s', (_why, text) => {
    expect(missingStatements(text, [TLS])).toEqual([TLS]);
  });

  it.each<[string, unknown]>([
    ['another id', { ...TLS, Sid: 'EnforceTls' }],
    ['no id', { ...TLS, Sid: undefined }],
    ['everyone written out', { ...TLS, Principal: { AWS: '*' } }],
    ['everyone in a list', { ...TLS, Principal: { AWS: ['*'] } }],
    ['lists of one', { ...TLS, Action: ['s3:*'], Condition: { Bool: { 'aws:SecureTransport': ['false'] } } }],
    ['another order', { ...TLS, Resource: [`${ARN}/*`, ARN] }],
    ['a truth value', { ...TLS, Condition: { Bool: { 'aws:SecureTransport': false } } }],
  ])('are none with %s', (_how, statement) => {
    expect(missingStatements(policy({ Sid: 'Other' }, statement), [TLS])).toEqual([]);
    expect(missingStatements(JSON.stringify({ Statement: statement }), [TLS])).toEqual([]);
  });
});

describe('a policy with what is wanted', () => {
  const theirs = {
    Sid: 'Theirs',
    Effect: 'Allow',
    Principal: '*',
    Action: 's3:GetObject',
    Resource: `${ARN}/public/*`,
  };

  it('keeps the statements of others and replaces those of the same id', () => {
    const stale: Statement = { ...TLS, Action: 's3:PutObject' };
    const written = JSON.parse(withStatements(policy(stale, theirs), [TLS])) as { readonly Statement: unknown[] };
    expect(written.Statement).toEqual([theirs, TLS]);
    expect(missingStatements(JSON.stringify(written), [TLS])).toEqual([]);
  });

  it('begins one where there is none', () => {
    expect(JSON.parse(withStatements(undefined, [TLS]))).toEqual({ Version: '2012-10-17', Statement: [TLS] });
  });
});
