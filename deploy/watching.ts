/**
 * Alarms, what they are told to, and the dashboard. What each alarm means and what to do: docs/OPERATIONS.md, by its name.
 *
 * An alarm is for a person: it says that something will not mend itself. Missing data is no alarm, except where a service
 * that has stopped is what leaves data missing.
 */
import { Aws, Duration } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  type IMetric,
  Metric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { Table } from 'aws-cdk-lib/aws-dynamodb';
import { Effect, PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { FilterPattern, type IFilterPattern, MetricFilter } from 'aws-cdk-lib/aws-logs';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { OUTCOMES } from '../src/core/codes.ts';
import type { QueueId } from '../src/io/aws/names.ts';
import type { Messaging } from './messaging.ts';
import type { GroupService } from './services.ts';
import type { Storage } from './storage.ts';

export interface WatchingProps {
  readonly prefix: string;
  readonly storage: Storage;
  readonly messaging: Messaging;
  readonly services: readonly GroupService[];
}

const MINUTE = Duration.minutes(1);
const FIVE_MINUTES = Duration.minutes(5);
/** The oldest message's age that scaling has had ample time to bring down. */
const OLDEST_SECONDS: Readonly<Record<QueueId, number>> = {
  arrivals: 300,
  picker: 900,
  intermediate: 1800,
  registering: 3600,
  batch: 900,
  notifier: 900,
  events: 900,
};
/** Throttled requests in five minutes: some belong to every burst above the warm rate, many mean a table too small. */
const THROTTLES_MAX = 10_000;

/** One bound, of which the metric must be on the wrong side for so many periods. */
interface When {
  readonly above?: number;
  readonly below?: number;
  readonly periods: number;
  readonly missing?: TreatMissingData;
}

export class Watching extends Construct {
  readonly alarms: readonly Alarm[];
  readonly topic: Topic;
  readonly #props: WatchingProps;
  readonly #errors: Metric[] = [];

  constructor(scope: Construct, id: string, props: WatchingProps) {
    super(scope, id);
    this.#props = props;
    this.topic = new Topic(this, 'Alarms', {
      topicName: `${props.prefix}-alarms`,
      masterKey: props.messaging.topicKey,
      enforceSSL: true,
    });
    // The topic has a policy of its own, so the one that lets the account's alarms publish by default is gone.
    this.topic.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AlarmsPublish',
        effect: Effect.ALLOW,
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [this.topic.topicArn],
        conditions: {
          StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID },
          ArnLike: {
            'aws:SourceArn': `arn:${Aws.PARTITION}:cloudwatch:${Aws.REGION}:${Aws.ACCOUNT_ID}:alarm:${props.prefix}-*`,
          },
        },
      }),
    );
    this.alarms = [...this.#ofQueues(), ...this.#ofTables(), ...this.#ofServices()];
    for (const alarm of this.alarms) {
      const action = new SnsAction(this.topic);
      alarm.addAlarmAction(action);
      alarm.addOkAction(action);
    }
    this.#draw();
  }

  #alarm(kind: string, subject: string, metric: IMetric, when: When): Alarm {
    const { above, below, periods, missing } = when;
    return new Alarm(this, `Alarm-${kind}-${subject}`, {
      alarmName: `${this.#props.prefix}-${kind}-${subject}`,
      alarmDescription: `docs/OPERATIONS.md, «${kind}»`,
      metric,
      threshold: above ?? below ?? 0,
      comparisonOperator:
        above === undefined ? ComparisonOperator.LESS_THAN_THRESHOLD : ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: periods,
      treatMissingData: missing ?? TreatMissingData.NOT_BREACHING,
    });
  }

  *#ofQueues(): Iterable<Alarm> {
    for (const [name, { queue, dead }] of Object.entries(this.#props.messaging.queues)) {
      const lying = dead.metricApproximateNumberOfMessagesVisible({ period: MINUTE, statistic: 'Maximum' });
      yield this.#alarm('dead-letters', name, lying, { above: 0, periods: 1 });
      const age = queue.metricApproximateAgeOfOldestMessage({ period: MINUTE, statistic: 'Maximum' });
      yield this.#alarm('oldest-message', name, age, { above: OLDEST_SECONDS[name as QueueId], periods: 5 });
    }
  }

  *#ofTables(): Iterable<Alarm> {
    for (const [name, table] of Object.entries(this.#props.storage.tables)) {
      yield this.#alarm('throttled', name, throttledWrites(table), { above: THROTTLES_MAX, periods: 3 });
    }
  }

  *#ofServices(): Iterable<Alarm> {
    const { prefix } = this.#props;
    for (const { group, service, logs } of this.#props.services) {
      const running = new Metric({
        namespace: 'ECS/ContainerInsights',
        metricName: 'RunningTaskCount',
        dimensionsMap: { ClusterName: service.cluster.clusterName, ServiceName: service.serviceName },
        statistic: 'Minimum',
        period: MINUTE,
      });
      const down = { below: group.tasksMin, periods: 5, missing: TreatMissingData.BREACHING };
      yield this.#alarm('tasks-missing', group.name, running, down);
      const errors = this.#count(`errors-${group.name}`, logs, FilterPattern.numberValue('$.level', '>=', 50), prefix);
      this.#errors.push(errors);
      yield this.#alarm('errors', group.name, errors, { above: 20, periods: 3 });
      const stalled = this.#count(
        `stalled-${group.name}`,
        logs,
        FilterPattern.stringValue('$.msg', '=', 'batch.stalled'),
        prefix,
      );
      yield this.#alarm('batch-stalled', group.name, stalled, { above: 0, periods: 1 });
      // Whoever sweeps tells it.
      if (group.name !== 'batch') continue;
      const overdue = this.#count('overdue', logs, FilterPattern.stringValue('$.msg', '=', 'batch.overdue'), prefix);
      yield this.#alarm('batch-overdue', group.name, overdue, { above: 0, periods: 1 });
    }
  }

  #count(name: string, logGroup: GroupService['logs'], filterPattern: IFilterPattern, prefix: string): Metric {
    const filter = new MetricFilter(this, `Filter-${name}`, {
      logGroup,
      filterPattern,
      metricNamespace: `${prefix}/log`,
      metricName: name,
      metricValue: '1',
      defaultValue: 0,
    });
    return filter.metric({ statistic: 'Sum', period: FIVE_MINUTES });
  }

  #draw(): void {
    const { prefix, messaging, storage, services } = this.#props;
    const queues = Object.values(messaging.queues).map(({ queue }) => queue);
    const perQueue = (draw: (queue: (typeof queues)[number]) => Metric): Metric[] => queues.map(draw);
    const perTable = (draw: (table: Table) => Metric): Metric[] => Object.values(storage.tables).map(draw);
    const widget = (title: string, left: IMetric[], right: IMetric[] = []) =>
      new GraphWidget({ title, left, right, width: 12, height: 6 });
    new Dashboard(this, 'Dashboard', {
      dashboardName: prefix,
      widgets: [
        [
          widget(
            'Records registered a minute, by outcome',
            OUTCOMES.map(
              (outcome) =>
                new Metric({
                  namespace: prefix,
                  metricName: 'debts',
                  dimensionsMap: { outcome },
                  statistic: 'Sum',
                  period: MINUTE,
                }),
            ),
          ),
          widget('Errors in the log, in five minutes', this.#errors),
        ],
        [
          widget(
            'Messages waiting (left) and in hand (right)',
            perQueue((queue) =>
              queue.metricApproximateNumberOfMessagesVisible({ period: MINUTE, statistic: 'Maximum' }),
            ),
            perQueue((queue) =>
              queue.metricApproximateNumberOfMessagesNotVisible({ period: MINUTE, statistic: 'Maximum' }),
            ),
          ),
          widget(
            'Age of the oldest message, seconds',
            perQueue((queue) => queue.metricApproximateAgeOfOldestMessage({ period: MINUTE, statistic: 'Maximum' })),
          ),
        ],
        [
          widget(
            'Tasks running',
            services.map(
              ({ service }) =>
                new Metric({
                  namespace: 'ECS/ContainerInsights',
                  metricName: 'RunningTaskCount',
                  dimensionsMap: { ClusterName: service.cluster.clusterName, ServiceName: service.serviceName },
                  period: MINUTE,
                }),
            ),
          ),
          widget(
            'Processor (left) and memory (right), % of the task',
            services.map(({ service }) => service.metricCpuUtilization({ period: MINUTE })),
            services.map(({ service }) => service.metricMemoryUtilization({ period: MINUTE, statistic: 'Maximum' })),
          ),
        ],
        [
          widget(
            'Write units a minute',
            perTable((table) => table.metricConsumedWriteCapacityUnits({ period: MINUTE, statistic: 'Sum' })),
          ),
          widget(
            'Writes throttled a minute',
            perTable((table) => throttledWrites(table, MINUTE)),
          ),
        ],
        [
          widget(
            'Dead letters',
            Object.values(messaging.queues).map(({ dead }) =>
              dead.metricApproximateNumberOfMessagesVisible({ period: MINUTE, statistic: 'Maximum' }),
            ),
          ),
        ],
      ],
    });
  }
}

function throttledWrites(table: Table, period = FIVE_MINUTES): Metric {
  return new Metric({
    namespace: 'AWS/DynamoDB',
    metricName: 'WriteThrottleEvents',
    dimensionsMap: { TableName: table.tableName },
    statistic: 'Sum',
    period,
  });
}
