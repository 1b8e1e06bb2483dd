/** The services: what a task is, how it ends, when there are more of them, who is told when something is wrong. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { backlogPerTask, ROLE_GROUPS, rolesOf, STOP_SECONDS, threadsOf } from '../../deploy/groups.ts';
import { HEALTH_PATH, INSIDE_PATHS } from '../../deploy/stack.ts';
import { deriveLimits } from '../../src/config/limits.ts';
import { resolveSettings } from '../../src/config/load.ts';
import { ROLES } from '../../src/roles/roles.ts';
import { ACCOUNT, REGION, type Resource, Synthesised, statementsOf } from './world.ts';

const world = new Synthesised();
const CERTIFICATE = `arn:aws:acm:${REGION}:${ACCOUNT}:certificate/1`;

interface Container {
  readonly Command: string[];
  readonly Environment: { Name: string; Value: string }[];
  readonly Secrets: { Name: string; ValueFrom: string }[];
  readonly HealthCheck: { Command: string[]; Interval: number; Timeout: number; Retries: number };
  readonly StopTimeout: number;
  readonly User: string;
}

function containerOf(name: string): Container {
  const definition = world.one('AWS::ECS::TaskDefinition', ({ Family }) => Family === `remessa-${name}`);
  const [container, ...others] = world.filled(definition.Properties['ContainerDefinitions']) as Container[];
  expect(others).toEqual([]);
  return container as Container;
}

describe('the groups', () => {
  it('have each role of the engine, once', () => {
    expect(ROLE_GROUPS.flatMap(rolesOf).sort()).toEqual([...ROLES].sort());
  });

  it('consume each queue of the work and the arrivals, one group each', () => {
    const consumed = ROLE_GROUPS.flatMap(({ queues }) => queues);
    expect([...consumed].sort()).toEqual(['arrivals', 'batch', 'intermediate', 'notifier', 'picker', 'registering']);
  });
});

describe('a rules service', () => {
  it('is told to every task, its token by the name of a secret', () => {
    const rulesUrl = 'https://rules.example/{client}/{profile}';
    const given = new Synthesised({ rulesUrl, rulesTokenSecret: 'rules-token' });
    const containers = given
      .of('AWS::ECS::TaskDefinition')
      .flatMap(({ Properties }) => given.filled(Properties['ContainerDefinitions']) as Container[]);
    expect(containers).toHaveLength(ROLE_GROUPS.length + 1);
    for (const { Environment, Secrets } of containers) {
      expect(Environment).toContainEqual({ Name: 'REMESSA_RULES_URL', Value: rulesUrl });
      const token = Secrets.find(({ Name }) => Name === 'REMESSA_RULES_TOKEN');
      expect(token?.ValueFrom).toMatch(/:secret:rules-token$/);
    }
    expect(() => new Synthesised({ rulesTokenSecret: 'rules-token' })).toThrow(/no rulesUrl/);
  });
});

describe.each(ROLE_GROUPS)('a task of $name', (group) => {
  const container = containerOf(group.name);
  const environment = Object.fromEntries(container.Environment.map(({ Name, Value }) => [Name, Value]));
  const secrets = Object.fromEntries(container.Secrets.map(({ Name }) => [Name, 'x'.repeat(64)]));

  it('has settings that the engine takes, and fits in its memory', () => {
    const { settings } = resolveSettings({ ...environment, ...secrets }, undefined, group.cpuUnits / 1024);
    expect(settings.threads).toBe(threadsOf(group));
    expect(settings.driver).toBe('aws');
    expect(deriveLimits(settings).memoryBytes).toBeLessThanOrEqual(0.75 * group.memoryMiB * 1024 * 1024);
    expect(settings.awsBucket).toBe(`remessa-${ACCOUNT}-${REGION}`);
    expect(settings.awsRegion).toBe(REGION);
    expect([settings.metrics, settings.metricsNamespace]).toEqual(['emf', 'remessa']);
  });

  it('drains before it is killed, its last long poll included', () => {
    const drainMs = Number(environment['REMESSA_DRAIN_MS']) + Number(environment['REMESSA_POLL_MS_MAX']);
    expect(container.StopTimeout).toBe(STOP_SECONDS);
    expect(STOP_SECONDS).toBeLessThanOrEqual(120);
    expect(drainMs + 5000).toBeLessThan(STOP_SECONDS * 1000);
  });

  it('runs without root, on a file system it cannot write but for /tmp', () => {
    expect(container).toMatchObject({
      User: 'node',
      ReadonlyRootFilesystem: true,
      LinuxParameters: { InitProcessEnabled: true },
      MountPoints: [{ ContainerPath: '/tmp', ReadOnly: false, SourceVolume: 'tmp' }],
    });
  });

  it('runs its roles and is watched by the sign of life it gives', () => {
    const alive = container.Command[container.Command.indexOf('--alive-file') + 1];
    expect(container.Command).toEqual(['serve', '--roles', rolesOf(group).join(','), '--alive-file', alive]);
    expect(container.HealthCheck.Command).toEqual(['CMD', 'node', 'bin/alive.js', alive, '30']);
  });

  it('keeps secrets out of the template', () => {
    expect(Object.keys(secrets)).toEqual(['REMESSA_AWS_DOCUMENT_SECRET']);
    expect(Object.keys(environment).filter((key) => /SECRET|KEY|TOKEN|PASSWORD/.test(key))).toEqual([]);
  });

  it('writes its log where it is kept for a time', () => {
    const logs = world.one('AWS::Logs::LogGroup', ({ LogGroupName }) => LogGroupName === `/remessa/${group.name}`);
    expect(logs.Properties['RetentionInDays']).toBe(90);
    expect(container).toMatchObject({
      LogConfiguration: {
        LogDriver: 'awslogs',
        Options: { 'awslogs-group': `/remessa/${group.name}`, mode: 'non-blocking' },
      },
    });
  });
});

describe.each(ROLE_GROUPS)('the service of $name', (group) => {
  const service = world.one('AWS::ECS::Service', ({ ServiceName }) => ServiceName === `remessa-${group.name}`);

  it('takes a deployment back that does not come up, and leaves the number of tasks to scaling', () => {
    expect(service.Properties).toMatchObject({
      DeploymentConfiguration: {
        DeploymentCircuitBreaker: { Enable: true, Rollback: true },
        MinimumHealthyPercent: 100,
        MaximumPercent: 200,
      },
      EnableExecuteCommand: false,
      NetworkConfiguration: { AwsvpcConfiguration: { AssignPublicIp: 'DISABLED' } },
    });
    expect(service.Properties['DesiredCount']).toBeUndefined();
  });

  it('has at least its minimum on capacity that is not taken back', () => {
    const strategy = service.Properties['CapacityProviderStrategy'] as { CapacityProvider: string; Base?: number }[];
    const spot = strategy.filter(({ CapacityProvider }) => CapacityProvider === 'FARGATE_SPOT');
    expect(spot.length).toBe(group.spot ? 1 : 0);
    if (group.spot) expect(strategy[0]).toMatchObject({ CapacityProvider: 'FARGATE', Base: group.tasksMin });
  });

  it('is scaled between its bounds by its backlog a task: waiting and in hand, over those running', () => {
    const target = world.one(
      'AWS::ApplicationAutoScaling::ScalableTarget',
      ({ ResourceId }) => ResourceId === `service/remessa/remessa-${group.name}`,
    );
    expect(target.Properties).toMatchObject({ MinCapacity: group.tasksMin, MaxCapacity: group.tasksMax });
    const policy = world.one(
      'AWS::ApplicationAutoScaling::ScalingPolicy',
      ({ ScalingTargetId }) => ScalingTargetId === `<${target.id}>`,
    );
    const { metrics, targetValue } = tracking(policy);
    expect(targetValue).toBe(backlogPerTask(group));
    const sqs = metrics.filter(({ MetricStat }) => MetricStat?.Metric.Namespace === 'AWS/SQS');
    const counted = sqs.map(({ MetricStat }) => [
      MetricStat?.Metric.Dimensions[0]?.Value,
      MetricStat?.Metric.MetricName,
    ]);
    expect(counted).toEqual(
      group.queues.flatMap((queue) => [
        [`remessa-${queue}`, 'ApproximateNumberOfMessagesVisible'],
        [`remessa-${queue}`, 'ApproximateNumberOfMessagesNotVisible'],
      ]),
    );
    const returned = metrics.filter(({ ReturnData }) => ReturnData);
    expect(returned.length).toBe(1);
    // Every message counts once, every task once, and no task at all counts as one.
    const perTask = (values: Record<string, number>) => evaluated(returned[0]?.Expression ?? '', values);
    const values: Record<string, number> = { running: 4 };
    for (const [index, { Id }] of sqs.entries()) values[Id] = 10 ** index;
    expect(perTask(values)).toBe(sqs.reduce((sum, _one, index) => sum + 10 ** index, 0) / 4);
    expect(perTask({ ...values, running: 0 })).toBe(sqs.reduce((sum, _one, index) => sum + 10 ** index, 0));
    expect(perTask({ running: 3 })).toBe(0);
  });
});

interface MetricQuery {
  readonly Id: string;
  readonly ReturnData: boolean;
  readonly Expression?: string;
  readonly MetricStat?: {
    readonly Metric: {
      readonly Namespace: string;
      readonly MetricName: string;
      readonly Dimensions: { readonly Value: string }[];
    };
  };
}

function tracking(policy: Resource): { readonly metrics: MetricQuery[]; readonly targetValue: number } {
  const configuration = world.filled(policy.Properties['TargetTrackingScalingPolicyConfiguration']) as {
    TargetValue: number;
    CustomizedMetricSpecification: { Metrics: MetricQuery[] };
  };
  return { metrics: configuration.CustomizedMetricSpecification.Metrics, targetValue: configuration.TargetValue };
}

/** The part of metric math that the expression uses: FILL, IF, comparison, arithmetic; a name without a value is missing. */
function evaluated(expression: string, values: Record<string, number>): number {
  expect(expression).toMatch(/^[\w\s(),+/<]+$/);
  const names = [...new Set(expression.match(/\b[a-z]\w*\b/g) ?? [])];
  const body = `return ${expression}`;
  const math = new Function('FILL', 'IF', ...names, body) as (...args: unknown[]) => number;
  return math(
    (value: number | undefined, missing: number) => value ?? missing,
    (condition: boolean, one: number, other: number) => (condition ? one : other),
    ...names.map((name) => values[name]),
  );
}

describe('alarms', () => {
  const alarms = world.of('AWS::CloudWatch::Alarm');
  const names = alarms.map(({ Properties }) => String(Properties['AlarmName']).replace(/^remessa-/, ''));

  it('watch every dead-letter queue, queue, table and service', () => {
    const queues = ['arrivals', 'picker', 'intermediate', 'registering', 'batch', 'notifier', 'events'];
    const tables = ['registry', 'staging', 'debts', 'clients', 'submissions'];
    const groups = ROLE_GROUPS.map(({ name }) => name);
    const expected = [
      ...queues.flatMap((name) => [`dead-letters-${name}`, `oldest-message-${name}`]),
      ...tables.map((name) => `throttled-${name}`),
      'batch-overdue-batch',
      ...groups.flatMap((name) => [`tasks-missing-${name}`, `errors-${name}`, `batch-stalled-${name}`]),
    ];
    expect([...names].sort()).toEqual(expected.sort());
  });

  it('are told to the alarm topic, when they come and when they go', () => {
    for (const { Properties } of alarms) {
      expect(world.filled(Properties['AlarmActions'])).toEqual(world.filled(Properties['OKActions']));
      expect((Properties['AlarmActions'] as unknown[]).length).toBe(1);
    }
  });

  it('may be published: the topic lets them, and its key too', () => {
    const policy = world.one('AWS::SNS::TopicPolicy', ({ Topics }) => JSON.stringify(Topics).includes('-alarms'));
    const allowed = statementsOf(world, policy).filter(({ Effect }) => Effect === 'Allow');
    expect(allowed).toMatchObject([
      {
        Principal: { Service: 'cloudwatch.amazonaws.com' },
        Action: 'sns:Publish',
        Condition: { StringEquals: { 'aws:SourceAccount': ACCOUNT } },
      },
    ]);
    const keys = world.of('AWS::KMS::Key').flatMap((key) => statementsOf(world, key));
    const forAlarms = keys.filter(({ Principal }) => JSON.stringify(Principal).includes('cloudwatch.amazonaws.com'));
    expect(forAlarms.map(({ Action }) => Action)).toEqual([['kms:Decrypt', 'kms:GenerateDataKey']]);
  });

  it('of a service that is not there sound where its metric is missing too', () => {
    for (const { Properties } of alarms.filter((_one, index) => names[index]?.startsWith('tasks-missing'))) {
      expect(Properties['TreatMissingData']).toBe('breaching');
    }
  });

  it('are explained, each kind, in the operations page', () => {
    const page = readFileSync(resolve(import.meta.dirname, '../../docs/OPERATIONS.md'), 'utf8');
    const kinds = new Set(alarms.map(({ Properties }) => /«(.+)»/.exec(String(Properties['AlarmDescription']))?.[1]));
    expect([...kinds].filter((kind) => kind === undefined || !page.includes(`\`${kind}\``))).toEqual([]);
  });
});

describe('the way in', () => {
  it('is the bucket alone where there is no certificate', () => {
    expect(world.of('AWS::ElasticLoadBalancingV2::LoadBalancer')).toEqual([]);
  });

  it('is HTTPS and nothing else where there is one', () => {
    const open = new Synthesised({ certificateArn: CERTIFICATE });
    const listeners = open.of('AWS::ElasticLoadBalancingV2::Listener');
    expect(listeners.map(({ Properties }) => [Properties['Port'], Properties['Protocol']])).toEqual([[443, 'HTTPS']]);
    expect(String(listeners[0]?.Properties['SslPolicy'])).toContain('TLS13');
    const groups = open.of('AWS::EC2::SecurityGroup');
    const ingress = groups.flatMap(
      ({ Properties }) => (Properties['SecurityGroupIngress'] ?? []) as { FromPort: number }[],
    );
    expect(ingress.map(({ FromPort }) => FromPort)).toEqual([443]);
    const inside = open.of('AWS::EC2::SecurityGroupIngress');
    expect(inside.map(({ Properties }) => Properties['FromPort'])).toEqual([8080]);
    const [rule] = open.of('AWS::ElasticLoadBalancingV2::ListenerRule');
    expect(rule?.Properties).toMatchObject({
      Conditions: [{ Field: 'path-pattern', PathPatternConfig: { Values: INSIDE_PATHS } }],
      Actions: [{ Type: 'fixed-response', FixedResponseConfig: { StatusCode: '404' } }],
    });
    const services = open.of('AWS::ECS::Service').filter(({ Properties }) => Properties['LoadBalancers'] !== undefined);
    expect(services.map(({ Properties }) => Properties['ServiceName'])).toEqual(['remessa-input']);
  });

  it('asks tasks for what the API answers', () => {
    const routes = readFileSync(resolve(import.meta.dirname, '../../src/api/routes/health.ts'), 'utf8');
    for (const path of INSIDE_PATHS) expect(routes).toContain(`app.get('${path}'`);
    expect(INSIDE_PATHS).toContain(HEALTH_PATH);
  });

  it('goes to stores by endpoints of the network', () => {
    const endpoints = world
      .of('AWS::EC2::VPCEndpoint')
      .map(({ Properties }) => String(world.filled(Properties['ServiceName'])));
    expect(endpoints.map((name) => name.split('.').at(-1)).sort()).toEqual(['dynamodb', 's3']);
  });
});

describe('a stack', () => {
  it('is the same each time, and carries its prefix in every name', () => {
    const json = (one: Synthesised) => JSON.stringify(one.template.toJSON());
    expect(json(new Synthesised())).toBe(json(world));
    const other = new Synthesised({ prefix: 'cobranca' });
    expect(json(other)).not.toMatch(/"remessa-(picker|registry|batch|debts|input)/);
  });

  it('refuses a prefix that no bucket may have', () => {
    for (const prefix of ['', 'ab', 'Remessa', 'remessa_1', '-remessa', 'a'.repeat(30)]) {
      expect(() => new Synthesised({ prefix })).toThrow(/prefix/);
    }
  });

  it('takes an image by digest too', () => {
    const pinned = new Synthesised({ image: `sha256:${'0'.repeat(64)}` });
    const [definition] = pinned.of('AWS::ECS::TaskDefinition');
    const [container] = pinned.filled(definition?.Properties['ContainerDefinitions']) as { Image: string }[];
    expect(container?.Image).toBe(`${ACCOUNT}.dkr.ecr.${REGION}.amazonaws.com/remessa@sha256:${'0'.repeat(64)}`);
  });
});
