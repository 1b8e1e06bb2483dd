/** The settings of the AWS drivers: what they need, where the region comes from, what is never shown, what is summed. */
import { describe, expect, it } from 'vitest';
import {
  arrivalsBytes,
  awsMergeBytes,
  debtRequestsBytes,
  readStreamsMax,
  stagingBytes,
  uploadBytes,
} from '../../src/config/awsLimits.ts';
import { deriveLimits, settingsProblems } from '../../src/config/limits.ts';
import { type Environment, resolveSettings } from '../../src/config/load.ts';
import { type Settings, specOf, withDefaults } from '../../src/config/schema.ts';
import { valueText } from '../../src/config/text.ts';
import { dynamoDataBytes } from '../../src/io/aws/dataPlane.ts';
import { debtsBytes } from '../../src/io/aws/debts/debts.ts';
import { awsOptionsOf } from '../../src/io/aws/options.ts';
import { s3ArrivalsBytes } from '../../src/io/aws/s3/arrivals.ts';
import { s3ObjectsBytes } from '../../src/io/aws/s3/objects.ts';
import { writerBytes } from '../../src/io/aws/s3/writer.ts';

const SECRET = 'a-secret-of-at-least-thirty-two-characters';
const AWS: Environment = {
  REMESSA_DRIVER: 'aws',
  REMESSA_AWS_REGION: 'sa-east-1',
  REMESSA_AWS_BUCKET: 'remessa-files',
  REMESSA_AWS_DOCUMENT_SECRET: SECRET,
};
const MiB = 1024 * 1024;

function settingsWith(given: Partial<Settings>): Settings {
  const aws = { driver: 'aws', awsRegion: 'sa-east-1', awsBucket: 'remessa-files', awsDocumentSecret: SECRET } as const;
  return withDefaults({ ...aws, threads: 1, memoryBytesMax: 4096 * MiB, ...given }, 1);
}

function refusal(environment: Environment): string {
  try {
    resolveSettings(environment, undefined, 1);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('the configuration was taken');
}

describe('the aws driver', () => {
  it('names all that it needs at once', () => {
    const says = refusal({ REMESSA_DRIVER: 'aws', REMESSA_AWS_ENDPOINT: 'localhost:4566', REMESSA_AWS_PREFIX: 'É' });
    expect(says).toMatch(/needs REMESSA_AWS_REGION \(or AWS_REGION\)/);
    expect(says).toMatch(/needs REMESSA_AWS_BUCKET/);
    expect(says).toMatch(/needs REMESSA_AWS_DOCUMENT_SECRET/);
    expect(says).toMatch(/REMESSA_AWS_ENDPOINT must be http\(s\):\/\/host/);
    expect(says).toMatch(/REMESSA_AWS_PREFIX must be 1 to 40/);
  });

  it('needs nothing of that where another driver is chosen', () => {
    expect(resolveSettings({ AWS_REGION: 'nonsense' }, undefined, 1).settings.awsRegion).toBe('');
  });

  it('takes the region from AWS_REGION where no setting gives it', () => {
    const { REMESSA_AWS_REGION: _, ...without } = AWS;
    const { settings, sources } = resolveSettings({ ...without, AWS_REGION: 'us-west-2' }, undefined, 1);
    expect(settings.awsRegion).toBe('us-west-2');
    expect(sources.awsRegion).toBe('environment');
    expect(resolveSettings({ ...AWS, AWS_REGION: 'us-west-2' }, undefined, 1).settings.awsRegion).toBe('sa-east-1');
    expect(refusal({ ...without, AWS_REGION: 'Mars' })).toMatch(/AWS_REGION must be a region/);
    expect(refusal({ ...without, AWS_REGION: '' })).toMatch(/needs REMESSA_AWS_REGION/);
  });

  it.each([
    'https://user:secret@s3.example.com',
    'https://s3.example.com/path',
    'https://s3.example.com?x=1',
    'ftp://s3.example.com',
    'http://',
  ])('refuses %s as an endpoint, without repeating it', (endpoint) => {
    const says = refusal({ ...AWS, REMESSA_AWS_ENDPOINT_S3: endpoint });
    expect(says).toContain('REMESSA_AWS_ENDPOINT_S3');
    expect(says).not.toContain(endpoint);
  });

  it('never shows the secret, and tells nothing of it when it is refused', () => {
    const spec = specOf('awsDocumentSecret');
    expect(valueText(spec, SECRET)).toBe('(set)');
    expect(valueText(spec, '')).toBe('');
    const says = refusal({ ...AWS, REMESSA_AWS_DOCUMENT_SECRET: 'too short' });
    expect(says).toMatch(/REMESSA_AWS_DOCUMENT_SECRET must be a text of at least 32 characters/);
    expect(says).not.toContain('too short');
  });
});

// fault 37
describe('contradictions', () => {
  const DAY_MS = 86_400_000;

  it.each<[string, Partial<Settings>, Partial<Settings>]>([
    [
      'what is kept goes before the longest batch ends',
      { awsBatchMsMax: 7 * DAY_MS, awsRetentionMs: 8 * DAY_MS - 1 },
      { awsBatchMsMax: 7 * DAY_MS, awsRetentionMs: 8 * DAY_MS },
    ],
    [
      'a lease below a second',
      { leaseMs: 999, heartbeatMs: 300, awsAnswerMs: 400 },
      { leaseMs: 1000, heartbeatMs: 300, awsAnswerMs: 400 },
    ],
    [
      'a small batch whose outcomes no item holds',
      { smallRecordsMax: 1300 },
      { smallRecordsMax: 1300, smallBytesMax: 256 * 1024 },
    ],
    ['an answer as slow as a lease', { leaseMs: 9999, awsAnswerMs: 5000 }, { leaseMs: 10_000, awsAnswerMs: 5000 }],
  ])('%s', (_what, wrong, right) => {
    expect(settingsProblems(settingsWith(right))).toEqual([]);
    expect(settingsProblems(settingsWith(wrong))).toHaveLength(1);
    expect(settingsProblems({ ...settingsWith(wrong), driver: 'embedded' })).toEqual([]);
  });
});

describe('the sum of memory', () => {
  it.each([
    [{}],
    [{ awsRequestBytes: 2 * MiB, awsRequestsMax: 5, awsPartBytes: 5 * MiB }],
    [{ awsPartBytes: 5 * MiB, fileBytesMax: 1024 ** 4 }],
  ])('is what the drivers say of themselves: %j', (given) => {
    const settings = settingsWith(given);
    const options = awsOptionsOf(settings);
    expect(stagingBytes(settings)).toBe(dynamoDataBytes(options.staging));
    expect(debtRequestsBytes(settings)).toBe(debtsBytes(options.debts));
    expect(uploadBytes(settings)).toBe(writerBytes(options.objects));
    const { shardsMax, awsConnections } = settings;
    const readers = shardsMax + readStreamsMax(settings);
    expect(awsMergeBytes(settings)).toBe(s3ObjectsBytes(options.objects, readers, 2));
    expect(readStreamsMax(settings)).toBeLessThan(awsConnections);
    expect(arrivalsBytes()).toBe(s3ArrivalsBytes({ ...options.arrivals, queueUrl: '' }));
  });

  it.each([
    ['awsPartBytes', 16 * MiB, 2 + 3 * 2 * 2],
    ['awsRequestBytes', 2 * MiB, 2 * 7],
  ] as const)('counts %s for each that holds it', (name, bytes, times) => {
    const given = { threads: 2, awsRequestsMax: 6, memoryBytesMax: 8192 * MiB };
    const before = deriveLimits(settingsWith({ ...given, [name]: bytes })).memoryBytes;
    const after = deriveLimits(settingsWith({ ...given, [name]: bytes + MiB })).memoryBytes;
    expect(after - before).toBe(times * MiB);
  });

  it('has no cache of a debts table that is not on this machine', () => {
    const names = (settings: Settings): string[] => deriveLimits(settings).holders.map((holder) => holder.name);
    expect(names(settingsWith({}))).not.toContain('debts cache');
    expect(names(withDefaults({ threads: 1 }, 1))).toContain('debts cache');
    expect(names(withDefaults({ threads: 1 }, 1))).not.toContain('debts on their way');
  });
});
