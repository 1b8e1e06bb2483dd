/** Least privilege, from the synthesised policies alone: what a role group may do, and above all what it may not. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OPERATOR, ROLE_GROUPS } from '../../deploy/groups.ts';
import {
  answerKey,
  manifestKey,
  outcomesPartKey,
  rawKey,
  rejectsPartKey,
  stagedTableKey,
  workKey,
} from '../../src/stages/batch/keys.ts';
import { ACCOUNT, listOf, REGION, type Statement, Synthesised, statementsOf } from './world.ts';

const world = new Synthesised({ mailFrom: 'remessas@bureau.example' });
const BUCKET = `remessa-${ACCOUNT}-${REGION}`;

/** Statements of the task role of each group. */
const GROUPS = [...ROLE_GROUPS, OPERATOR];
const granted = new Map(
  GROUPS.map((group) => {
    const policy = world.resources.find(
      ({ id, Type }) => Type === 'AWS::IAM::Policy' && id.startsWith(`ServicesTask${group.name}TaskRole`),
    );
    if (policy === undefined) throw new Error(`no policy of ${group.name}`);
    return [group.name, statementsOf(world, policy)] as const;
  }),
);

/** Whether a group may do an action on a resource, as IAM would match it. */
function may(group: string, action: string, resource: string): boolean {
  return (granted.get(group) ?? []).some(
    (statement) =>
      listOf(statement.Action).includes(action) &&
      listOf(statement.Resource).some((pattern) =>
        pattern.endsWith('*') ? resource.startsWith(pattern.slice(0, -1)) : resource === pattern,
      ),
  );
}

function whoMay(action: string, resource: string): string[] {
  return GROUPS.map(({ name }) => name).filter((name) => may(name, action, resource));
}

describe('every policy', () => {
  const all = world.of('AWS::IAM::Policy').flatMap((policy) => statementsOf(world, policy));

  it('names its actions', () => {
    const wild = all.flatMap(({ Action }) => listOf(Action)).filter((action) => action.includes('*'));
    expect(wild).toEqual([]);
  });

  it('names its resources, but for the one action that has none', () => {
    const open = all.filter(({ Resource }) => listOf(Resource).some((one) => one === '*'));
    expect(new Set(open.flatMap(({ Action }) => listOf(Action)))).toEqual(new Set(['ecr:GetAuthorizationToken']));
  });

  it('leaves open only keys below a folder of the bucket and the tasks of the cluster', () => {
    const wild = granted
      .values()
      .flatMap((statements: Statement[]) => statements.flatMap(({ Resource }) => listOf(Resource)));
    const ends = [...wild].filter((resource) => resource.includes('*'));
    const allowed = /^(remessa-\d+-sa-east-1\/[a-z]+\/\*|arn:aws:ecs:sa-east-1:\d+:task\/remessa\/\*)$/;
    expect(ends.filter((resource) => !allowed.test(resource))).toEqual([]);
  });

  it('belongs to a role that only tasks take on', () => {
    for (const role of world.of('AWS::IAM::Role').filter(({ id }) => id.startsWith('Services'))) {
      const [assumed] = (world.filled(role.Properties['AssumeRolePolicyDocument']) as { Statement: Statement[] })
        .Statement;
      expect(['ecs-tasks.amazonaws.com', 'application-autoscaling.amazonaws.com']).toContain(
        (assumed?.Principal as { Service: string }).Service,
      );
    }
  });
});

describe('who may', () => {
  it.each([
    ['dynamodb:PutItem', 'remessa-registry', ['input', 'intermediate', 'registering', 'batch', 'operator']],
    // The picker too: a small batch is registered where it was picked.
    ['dynamodb:PartiQLInsert', 'remessa-debts', ['input', 'registering', 'batch', 'operator']],
    ['dynamodb:PartiQLUpdate', 'remessa-debts', ['input', 'registering', 'batch', 'operator']],
    ['dynamodb:PartiQLDelete', 'remessa-debts', []],
    ['dynamodb:PutItem', 'remessa-debts', []],
    ['dynamodb:BatchWriteItem', 'remessa-staging', ['intermediate', 'batch']],
    ['dynamodb:PutItem', 'remessa-clients', ['input', 'operator']],
    ['dynamodb:PutItem', 'remessa-submissions', ['input', 'operator']],
    ['dynamodb:DeleteTable', 'remessa-debts', []],
    ['dynamodb:Scan', 'remessa-debts', []],
    ['sqs:ReceiveMessage', 'remessa-arrivals', ['input']],
    ['sqs:ReceiveMessage', 'remessa-picker', ['input']],
    ['sqs:ReceiveMessage', 'remessa-intermediate', ['intermediate']],
    ['sqs:ReceiveMessage', 'remessa-registering', ['registering']],
    ['sqs:ReceiveMessage', 'remessa-batch', ['batch']],
    ['sqs:ReceiveMessage', 'remessa-events', []],
    ['sqs:SendMessage', 'remessa-events', ['operator']],
    ['sqs:SendMessage', 'remessa-arrivals', ['operator']],
    ['sqs:SendMessage', 'remessa-batch', ['input', 'intermediate', 'registering', 'batch', 'operator']],
    ['sqs:DeleteMessage', 'remessa-batch-dlq', ['operator']],
    ['sqs:StartMessageMoveTask', 'remessa-batch-dlq', ['operator']],
    ['sqs:GetQueueAttributes', 'remessa-picker-dlq', ['batch', 'operator']],
    ['sqs:PurgeQueue', 'remessa-batch', []],
    ['sns:Publish', 'remessa-batch-events', ['batch']],
    ['sns:Publish', 'remessa-alarms', []],
    ['ses:SendEmail', `arn:aws:ses:sa-east-1:${ACCOUNT}:identity/bureau.example`, ['batch']],
    ['events:PutEvents', `arn:aws:events:sa-east-1:${ACCOUNT}:event-bus/default`, ['batch']],
    [
      'ecs:UpdateTaskProtection',
      `arn:aws:ecs:sa-east-1:${ACCOUNT}:task/remessa/1`,
      ROLE_GROUPS.map(({ name }) => name),
    ],
    ['ecs:UpdateTaskProtection', `arn:aws:ecs:sa-east-1:${ACCOUNT}:task/other/1`, []],
    ['s3:DeleteObject', `${BUCKET}/inbox/acme/a.csv`, ['operator']],
    ['s3:DeleteObjectVersion', `${BUCKET}/inbox/acme/a.csv`, ['operator']],
    ['s3:PutBucketPolicy', BUCKET, []],
  ])('%s on %s: %j', (action, resource, groups) => {
    expect(whoMay(action, resource)).toEqual(groups);
  });
});

describe('what the drivers call', () => {
  /** Calls whose action has another name. */
  const ACTIONS: Readonly<Record<string, string>> = {
    HeadObject: 's3:GetObject',
    ListObjectsV2: 's3:ListBucket',
    ListObjectVersions: 's3:ListBucketVersions',
    CreateMultipartUpload: 's3:PutObject',
    CompleteMultipartUpload: 's3:PutObject',
    UploadPart: 's3:PutObject',
    DeleteObjects: 's3:DeleteObject',
    SendMessageBatch: 'sqs:SendMessage',
    DeleteMessageBatch: 'sqs:DeleteMessage',
    ChangeMessageVisibilityBatch: 'sqs:ChangeMessageVisibility',
    PublishBatch: 'sns:Publish',
    BatchExecuteStatement: 'dynamodb:PartiQLInsert',
    TransactWriteItems: 'dynamodb:PutItem',
    TransactGetItems: 'dynamodb:GetItem',
  };
  /** What makes an installation has permissions of whoever runs it; Timestream is another account's choice. */
  const APART = /^provision\/|(^|\/)timestream\.ts$/;
  const folder = resolve(import.meta.dirname, '../../src/io/aws');
  const called = new Set(
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !APART.test(name))
      .flatMap((name) => {
        const text = readFileSync(join(folder, name), 'utf8');
        const commands = text.matchAll(/new (\w+)Command\(|readonly operation = '(\w+)'/g);
        return [...commands].map((match) => match[1] ?? match[2] ?? '');
      }),
  );
  const actions = [...granted.values()].flat().flatMap(({ Action }) => listOf(Action));

  it('is allowed to someone', () => {
    expect(called).toContain('BatchWriteItem');
    expect(called).toContain('ReceiveMessage');
    const allowed = new Set(actions);
    const names = new Set(actions.map((action) => action.split(':')[1]));
    const missing = [...called].filter((call) => {
      const action = ACTIONS[call];
      return action === undefined ? !names.has(call) : !allowed.has(action);
    });
    expect(missing).toEqual([]);
  });

  it('of a table by its keys, is allowed to whoever writes the registry, the clients and the submissions', () => {
    const calls = readFileSync(join(folder, 'dynamo/keyedTable.ts'), 'utf8').matchAll(/new (\w+)Command\(/g);
    const made = [...new Set([...calls].map((match) => `dynamodb:${match[1]}`))];
    expect(made.length).toBeGreaterThan(3);
    for (const action of made) {
      expect([action, whoMay(action, 'remessa-registry')]).toEqual([action, GROUPS.map(({ name }) => name)]);
      for (const table of ['remessa-clients', 'remessa-submissions']) {
        expect([action, whoMay(action, table)]).toEqual([action, expect.arrayContaining(['input', 'operator'])]);
      }
    }
  });

  it('when it starts, is allowed to all', () => {
    for (const queue of ['picker', 'intermediate', 'registering', 'batch', 'notifier', 'arrivals', 'events']) {
      expect(whoMay('sqs:GetQueueUrl', `remessa-${queue}`)).toEqual(GROUPS.map(({ name }) => name));
    }
  });
});

describe('the keys that stages make', () => {
  const on = (key: string) => `${BUCKET}/${key}`;

  it.each([
    ['input', rawKey('acme', 'b-1')],
    ['input', workKey('b-1', 'a')],
    ['input', manifestKey('b-1', 'a')],
    ['intermediate', rejectsPartKey('b-1', 0, 'a')],
    ['registering', outcomesPartKey('b-1', 'apply', 0, 'a')],
    ['batch', stagedTableKey('b-1', 'a')],
    ['batch', answerKey('b-1', 'retorno', 0, 'a')],
  ])('%s may write and read %s', (group, key) => {
    expect([may(group, 's3:PutObject', on(key)), may(group, 's3:GetObject', on(key))]).toEqual([true, true]);
    expect(may(group, 's3:AbortMultipartUpload', on(key))).toBe(true);
  });

  it.each([
    ['intermediate', rawKey('acme', 'b-1')],
    ['intermediate', workKey('b-1', 'a')],
    ['intermediate', manifestKey('b-1', 'a')],
    ['registering', stagedTableKey('b-1', 'a')],
    ['batch', rejectsPartKey('b-1', 0, 'a')],
    ['batch', outcomesPartKey('b-1', 'apply', 0, 'a')],
    ['batch', rawKey('acme', 'b-1')],
    ['batch', 'inbox/acme/a+b ç.csv'],
  ])('%s may read %s', (group, key) => {
    expect(may(group, 's3:GetObject', on(key))).toBe(true);
  });

  it('are freed by batch alone, and answers are read by nobody who need not', () => {
    expect(whoMay('s3:DeleteObject', on(workKey('b-1', 'a')))).toContain('batch');
    expect(may('batch', 's3:DeleteObject', on(rejectsPartKey('b-1', 0, 'a')))).toBe(true);
    expect(whoMay('s3:GetObject', on(answerKey('b-1', 'retorno', 0, 'a')))).toEqual(['input', 'batch', 'operator']);
  });
});
