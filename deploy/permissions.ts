/**
 * What each role group may do, and nothing else: one table, actions by name.
 *
 * A group's stages decide what it touches: every group reads and writes the registry and sends what a transition owes; the
 * rest is by stage. Where a resource ends in `*`, what follows is made at run time: keys under a prefix of the bucket, and
 * the ids of the service's own tasks.
 */
import { Aws } from 'aws-cdk-lib';
import { Effect, type IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { type QueueId, type TableId, WORK_QUEUES } from '../src/io/aws/names.ts';
import type { RoleGroup } from './groups.ts';
import type { Messaging } from './messaging.ts';
import type { Storage } from './storage.ts';

const READ_OBJECT = ['s3:GetObject', 's3:GetObjectVersion'];
const WRITE_OBJECT = ['s3:PutObject', 's3:AbortMultipartUpload', 's3:ListMultipartUploadParts'];
const DELETE_OBJECT = ['s3:DeleteObject'];
const CONSUME = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility'];
const SEND = ['sqs:SendMessage'];
const MOVE = ['sqs:StartMessageMoveTask', 'sqs:ListMessageMoveTasks', 'sqs:CancelMessageMoveTask'];
const LOOK = ['sqs:GetQueueAttributes', 'sqs:GetQueueUrl'];
const READ = ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query'];
const BATCH_WRITE = ['dynamodb:BatchWriteItem'];
const READ_WRITE = [...READ, ...BATCH_WRITE, 'dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem'];
const DEBTS = [...READ, 'dynamodb:PartiQLInsert', 'dynamodb:PartiQLUpdate'];

/** What the stages of a group touch besides the registry, the queues it consumes and the messages it owes. */
export interface Needs {
  /** Prefixes of the bucket, without the slash. */
  readonly reads: readonly string[];
  readonly writes: readonly string[];
  readonly deletes: readonly string[];
  readonly tables: Partial<Readonly<Record<TableId, readonly string[]>>>;
  /** Looks after all queues and their dead letters. */
  readonly watches: boolean;
  readonly notifies: boolean;
  /** Moves dead letters back. */
  readonly redrives?: boolean;
  /** Whether every version of an object may be taken away. */
  readonly erases?: boolean;
}

export const NEEDS: Readonly<Record<string, Needs>> = {
  // Accepts what arrives, streams uploads, collects submissions; scans objects, inflates gzip, writes manifests. A small batch
  // goes from pick to receipt in one message, its debts included, where it was picked.
  input: {
    reads: ['inbox', 'raw', 'work', 'manifests', 'answers', 'parts', 'reconciliation'],
    writes: ['raw', 'work', 'manifests', 'reconciliation'],
    deletes: ['raw', 'work'],
    tables: { clients: READ_WRITE, submissions: READ_WRITE, debts: DEBTS },
    watches: false,
    notifies: false,
  },
  intermediate: {
    reads: ['inbox', 'raw', 'work', 'manifests', 'parts'],
    writes: ['parts'],
    deletes: ['parts'],
    tables: { staging: [...READ, ...BATCH_WRITE], clients: READ },
    watches: false,
    notifies: false,
  },
  registering: {
    reads: ['manifests', 'parts'],
    writes: ['parts'],
    deletes: ['parts'],
    tables: { staging: READ, debts: DEBTS, clients: READ },
    watches: false,
    notifies: false,
  },
  // Small batches that did not go through where they were picked go on here; answers are merged, staging is freed, everyone is told.
  batch: {
    reads: ['inbox', 'raw', 'work', 'manifests', 'parts', 'answers'],
    writes: ['parts', 'answers', 'manifests'],
    deletes: ['parts', 'work', 'answers'],
    tables: { staging: [...READ, ...BATCH_WRITE], debts: DEBTS, clients: READ },
    watches: true,
    notifies: true,
  },
  // Commands of a person: look at everything, add clients and keys, steer batches, let dead letters wait again, erase.
  operator: {
    reads: ['manifests', 'parts', 'answers', 'inbox', 'raw', 'work'],
    writes: [],
    deletes: ['inbox', 'raw', 'work', 'manifests', 'parts', 'answers'],
    tables: { clients: READ_WRITE, submissions: READ_WRITE, debts: DEBTS },
    watches: true,
    redrives: true,
    erases: true,
    notifies: false,
  },
};

export interface GrantWorld {
  readonly storage: Storage;
  readonly messaging: Messaging;
  readonly clusterName: string;
  /** The address mails come from; without one no mail may be sent. */
  readonly mailFrom?: string | undefined;
}

/** Adds a group's statements to its task role. */
export function grantNeeds(group: RoleGroup, role: IGrantable, world: GrantWorld): void {
  const needs = NEEDS[group.name];
  if (needs === undefined) throw new Error(`permissions.ts has no needs for the group ${group.name}`);
  for (const [sid, actions, resources, conditions] of statementsOf(group, needs, world)) {
    if (resources.length === 0) continue;
    role.grantPrincipal.addToPrincipalPolicy(
      new PolicyStatement({ sid, effect: Effect.ALLOW, actions: [...actions], resources: [...resources], conditions }),
    );
  }
}

type Statement = readonly [
  sid: string,
  actions: readonly string[],
  resources: readonly string[],
  conditions?: Record<string, Record<string, string | readonly string[]>>,
];

function* statementsOf(group: RoleGroup, needs: Needs, world: GrantWorld): Iterable<Statement> {
  const { storage, messaging } = world;
  const below = (folders: readonly string[]) => folders.map((folder) => storage.bucket.arnForObjects(`${folder}/*`));
  yield ['ReadObjects', READ_OBJECT, below(needs.reads)];
  yield ['WriteObjects', WRITE_OBJECT, below(needs.writes)];
  // Erasing takes away every version, and only a person's command erases.
  const deleting = needs.erases === true ? [...DELETE_OBJECT, 's3:DeleteObjectVersion'] : DELETE_OBJECT;
  yield ['DeleteObjects', deleting, below(needs.deletes)];
  // Without it, what is not there is answered as forbidden.
  yield [
    'ListObjects',
    ['s3:ListBucket', 's3:ListBucketVersions', 's3:GetBucketVersioning'],
    [storage.bucket.bucketArn],
  ];
  yield ['ObjectKey', ['kms:Decrypt', 'kms:GenerateDataKey'], [storage.bucketKey.keyArn]];

  yield ['Registry', READ_WRITE, [storage.tables.registry.tableArn]];
  for (const [name, actions] of Object.entries(needs.tables) as [TableId, readonly string[]][]) {
    const { tableArn } = storage.tables[name];
    const indexes = name === 'debts' ? [`${tableArn}/index/byDocument`] : [];
    yield [`Table${name[0]?.toUpperCase()}${name.slice(1)}`, actions, [tableArn, ...indexes]];
  }

  const own = group.queues.map((name: QueueId) => messaging.queues[name].queue.queueArn);
  const owed = WORK_QUEUES.map((name) => messaging.queues[name].queue.queueArn);
  yield ['Consume', CONSUME, own];
  yield ['SendOwed', SEND, owed];
  const pairs = Object.values(messaging.queues);
  const watched = needs.watches ? pairs.map(({ dead }) => dead.queueArn) : [];
  if (needs.redrives === true) {
    // As «StartMessageMoveTask» asks it: taken from the dead letters, sent to their queue.
    yield ['TakeDeadLetters', [...CONSUME, ...MOVE], pairs.map(({ dead }) => dead.queueArn)];
    yield ['SendBack', SEND, pairs.map(({ queue }) => queue.queueArn)];
  }
  // An engine looks for all queues when it starts, whatever its roles.
  yield ['LookAtQueues', LOOK, [...pairs.map(({ queue }) => queue.queueArn), ...watched]];

  if (needs.notifies) {
    yield ['TellEvents', ['sns:Publish'], [messaging.events.topicArn]];
    yield ['TopicKey', ['kms:Decrypt', 'kms:GenerateDataKey'], [messaging.topicKey.keyArn]];
    yield ['TellBus', ['events:PutEvents'], [arn('events', 'event-bus/default')]];
    if (world.mailFrom !== undefined) {
      const domain = world.mailFrom.split('@')[1] ?? '';
      yield [
        'SendMail',
        ['ses:SendEmail'],
        [arn('ses', `identity/${domain}`), arn('ses', `identity/${world.mailFrom}`)],
        { StringEquals: { 'ses:FromAddress': world.mailFrom } },
      ];
    }
  }
  const tasks = group.roles.length === 0 ? [] : [arn('ecs', `task/${world.clusterName}/*`)];
  yield ['ProtectOwnTasks', ['ecs:GetTaskProtection', 'ecs:UpdateTaskProtection'], tasks];
}

function arn(service: string, resource: string): string {
  return `arn:${Aws.PARTITION}:${service}:${Aws.REGION}:${Aws.ACCOUNT_ID}:${resource}`;
}
