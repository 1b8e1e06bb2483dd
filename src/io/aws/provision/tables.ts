/**
 * The tables as `provision` wants them: keys `pk` and `sk`, paid by request, items removed by their time to live; what
 * cannot be made again can be taken back to any second of the last 35 days, and is not deleted by mistake.
 */
import {
  CreateTableCommand,
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  type KeySchemaElement,
  type TableDescription,
  UpdateContinuousBackupsCommand,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import type { Clock } from '../../../core/clock.ts';
import { DEBTS_TABLE } from '../debts/items.ts';
import { type AwsNames, TABLES, type TableId, TTL_ATTRIBUTE } from '../names.ts';
import { errorName } from '../serviceFaults.ts';
import { STAGING_TABLE } from '../staging/stagedItems.ts';
import { AS_WANTED, type Aspect, differs, FeatureUnknown, type Look, MISSING, type Resource } from './aspects.ts';

interface TableWish {
  readonly name: string;
  readonly index?: typeof DEBTS_TABLE.index;
  /** Whether what is in it can be made again. */
  readonly passes: boolean;
}

type KeyWish = readonly { readonly name: string; readonly role: 'HASH' | 'RANGE' }[];

/** All tables have the same. */
const KEYS: KeyWish = STAGING_TABLE.keys;
const ACTIVE_MS_MAX = 120_000;
const ACTIVE_LOOK_MS = 500;

export function tableResources(dynamodb: DynamoDBClient, names: AwsNames, clock: Clock): Resource[] {
  return TABLES.map((id: TableId) => {
    const passes = id === 'staging';
    const wish = { name: names.tables[id], passes, ...(id === 'debts' ? { index: DEBTS_TABLE.index } : {}) };
    const table = new TableAt(dynamodb, wish, clock);
    return {
      name: `table ${wish.name}`,
      service: 'DynamoDB',
      aspects: [
        table.itself(),
        ...(wish.index === undefined ? [] : [table.index(wish.index)]),
        table.timeToLive(),
        ...(passes ? [] : [table.recovery(), table.protection()]),
      ],
    };
  });
}

class TableAt {
  readonly #dynamodb: DynamoDBClient;
  readonly #wish: TableWish;
  readonly #clock: Clock;

  constructor(dynamodb: DynamoDBClient, wish: TableWish, clock: Clock) {
    this.#dynamodb = dynamodb;
    this.#wish = wish;
    this.#clock = clock;
  }

  itself(): Aspect {
    const { name: TableName, index } = this.#wish;
    return {
      name: 'itself',
      look: async () => {
        const table = await this.#describe();
        if (table === undefined) return MISSING;
        if (schemaText(table.KeySchema) !== wishText(KEYS)) {
          return { is: 'fixed', says: `its keys are ${schemaText(table.KeySchema)} and cannot be changed` };
        }
        const mode = table.BillingModeSummary?.BillingMode ?? 'PROVISIONED';
        return mode === 'PAY_PER_REQUEST' ? AS_WANTED : differs(`it is ${mode}`);
      },
      make: async () => {
        if ((await this.#describe()) === undefined) {
          const attributes = [...new Set([...KEYS, ...(index?.keys ?? [])].map((key) => key.name))];
          await this.#dynamodb.send(
            new CreateTableCommand({
              TableName,
              BillingMode: 'PAY_PER_REQUEST',
              AttributeDefinitions: attributes.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
              KeySchema: schemaOf(KEYS),
              ...(index === undefined ? {} : { GlobalSecondaryIndexes: [indexOf(index)] }),
            }),
          );
        } else await this.#dynamodb.send(new UpdateTableCommand({ TableName, BillingMode: 'PAY_PER_REQUEST' }));
        await this.#active();
      },
    };
  }

  index(wish: typeof DEBTS_TABLE.index): Aspect {
    return {
      name: `index ${wish.name}`,
      look: async (): Promise<Look> => {
        const found = (await this.#describe())?.GlobalSecondaryIndexes?.find((one) => one.IndexName === wish.name);
        if (found === undefined) return MISSING;
        if (schemaText(found.KeySchema) === wishText(wish.keys)) return AS_WANTED;
        return { is: 'fixed', says: `its keys are ${schemaText(found.KeySchema)}; remove it first` };
      },
      make: async () => {
        await this.#dynamodb.send(
          new UpdateTableCommand({
            TableName: this.#wish.name,
            AttributeDefinitions: [...new Set([...KEYS, ...wish.keys].map((key) => key.name))].map((AttributeName) => ({
              AttributeName,
              AttributeType: 'S',
            })),
            GlobalSecondaryIndexUpdates: [{ Create: indexOf(wish) }],
          }),
        );
        await this.#active();
      },
    };
  }

  timeToLive(): Aspect {
    const TableName = this.#wish.name;
    return {
      name: 'time to live',
      look: async () => {
        const { TimeToLiveDescription: is } = await this.#dynamodb.send(new DescribeTimeToLiveCommand({ TableName }));
        const on = is?.TimeToLiveStatus === 'ENABLED' || is?.TimeToLiveStatus === 'ENABLING';
        if (!on) return differs(`it is ${is?.TimeToLiveStatus ?? 'off'}`);
        if (is.AttributeName === TTL_ATTRIBUTE) return AS_WANTED;
        return { is: 'fixed', says: `it goes by ${is.AttributeName}; switch that off first` };
      },
      make: async () => {
        const TimeToLiveSpecification = { Enabled: true, AttributeName: TTL_ATTRIBUTE };
        await this.#dynamodb.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }));
      },
    };
  }

  recovery(): Aspect {
    const TableName = this.#wish.name;
    return {
      name: 'point-in-time recovery',
      look: async () => {
        const { ContinuousBackupsDescription: is } = await this.#dynamodb.send(
          new DescribeContinuousBackupsCommand({ TableName }),
        );
        const status = is?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus;
        return status === 'ENABLED' ? AS_WANTED : differs(`it is ${status ?? 'off'}`);
      },
      make: async () => {
        const PointInTimeRecoverySpecification = { PointInTimeRecoveryEnabled: true };
        await this.#dynamodb.send(new UpdateContinuousBackupsCommand({ TableName, PointInTimeRecoverySpecification }));
      },
    };
  }

  protection(): Aspect {
    const TableName = this.#wish.name;
    return {
      name: 'deletion protection',
      look: async () =>
        (await this.#describe())?.DeletionProtectionEnabled === true ? AS_WANTED : differs('it can be deleted'),
      make: async () => {
        // A table of DynamoDB always says whether it is protected.
        if ((await this.#describe())?.DeletionProtectionEnabled === undefined) throw new FeatureUnknown();
        await this.#dynamodb.send(new UpdateTableCommand({ TableName, DeletionProtectionEnabled: true }));
        await this.#active();
      },
    };
  }

  async #describe(): Promise<TableDescription | undefined> {
    try {
      return (await this.#dynamodb.send(new DescribeTableCommand({ TableName: this.#wish.name }))).Table;
    } catch (error) {
      if (errorName(error) === 'ResourceNotFoundException') return undefined;
      throw error;
    }
  }

  /** A table that is being made or changed takes no further change. */
  async #active(): Promise<void> {
    const untilMs = this.#clock.monotonicMs() + ACTIVE_MS_MAX;
    while (this.#clock.monotonicMs() < untilMs) {
      const table = await this.#describe();
      const indexes = table?.GlobalSecondaryIndexes ?? [];
      if (table?.TableStatus === 'ACTIVE' && indexes.every((one) => one.IndexStatus === 'ACTIVE')) return;
      await this.#clock.sleep(ACTIVE_LOOK_MS);
    }
  }
}

function schemaOf(keys: KeyWish): KeySchemaElement[] {
  return keys.map(({ name, role }) => ({ AttributeName: name, KeyType: role }));
}

function indexOf(wish: typeof DEBTS_TABLE.index) {
  return { IndexName: wish.name, KeySchema: schemaOf(wish.keys), Projection: { ProjectionType: wish.projection } };
}

function schemaText(schema: readonly KeySchemaElement[] | undefined): string {
  return (schema ?? []).map((key) => `${key.AttributeName} ${key.KeyType}`).join(', ');
}

function wishText(keys: KeyWish): string {
  return schemaText(schemaOf(keys));
}
