/**
 * The cluster and one Fargate service a role group: its task, its permissions, its scaling.
 *
 * Promises: a task is told to end `STOP_SECONDS` before it is killed, and drains in less; a deployment that does not become
 * healthy is rolled back; tasks run without root, on a file system they cannot write but for /tmp; a group is never scaled
 * below its minimum, and by its backlog a task otherwise.
 */
import { Duration, Size } from 'aws-cdk-lib';
import { CfnScalingPolicy, ScalableTarget, ServiceNamespace } from 'aws-cdk-lib/aws-applicationautoscaling';
import { type IVpc, Port, SecurityGroup, SubnetType } from 'aws-cdk-lib/aws-ec2';
import {
  AwsLogDriver,
  AwsLogDriverMode,
  Cluster,
  type ContainerImage,
  ContainerInsights,
  CpuArchitecture,
  FargateService,
  FargateTaskDefinition,
  type HealthCheck,
  LinuxParameters,
  OperatingSystemFamily,
  Secret,
} from 'aws-cdk-lib/aws-ecs';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { backlogPerTask, OPERATOR, type RoleGroup, rolesOf, STOP_SECONDS, sizeSettings } from './groups.ts';
import type { Messaging } from './messaging.ts';
import { type GrantWorld, grantNeeds } from './permissions.ts';

export interface ServicesProps extends Omit<GrantWorld, 'clusterName'> {
  readonly prefix: string;
  readonly vpc: IVpc;
  readonly image: ContainerImage;
  readonly groups: readonly RoleGroup[];
  /** Settings that all groups share: the driver, the names, the region. */
  readonly settings: Readonly<Record<string, string>>;
  /** Settings whose values are secrets. */
  readonly secrets: Readonly<Record<string, ISecret>>;
  readonly httpPort: number;
}

export interface GroupService {
  readonly group: RoleGroup;
  readonly service: FargateService;
  readonly logs: LogGroup;
}

/** Where the daemon renews a file while it lives, and how old that may be (bin/alive.js). */
export const ALIVE_FILE = '/tmp/remessa.alive';
export const ALIVE_SECONDS_MAX = 30;
const HEALTH_CHECK: HealthCheck = {
  command: ['CMD', 'node', 'bin/alive.js', ALIVE_FILE, String(ALIVE_SECONDS_MAX)],
  interval: Duration.seconds(15),
  timeout: Duration.seconds(5),
  retries: 3,
  startPeriod: Duration.seconds(60),
};
const LOG_BUFFER_MIB = 16;
/** Of tasks that may run on spot capacity, those beyond the first; three in four. */
const SPOT_WEIGHT = 3;

export class Services extends Construct {
  readonly cluster: Cluster;
  readonly services: readonly GroupService[];
  readonly #props: ServicesProps;

  constructor(scope: Construct, id: string, props: ServicesProps) {
    super(scope, id);
    this.#props = props;
    this.cluster = new Cluster(this, 'Cluster', {
      clusterName: props.prefix,
      vpc: props.vpc,
      // Counts running tasks: half of «backlog per task».
      containerInsightsV2: ContainerInsights.ENABLED,
      enableFargateCapacityProviders: true,
    });
    this.services = props.groups.map((group) => this.#makeService(group));
    this.#makeOperator();
  }

  #makeService(group: RoleGroup): GroupService {
    const { prefix, vpc } = this.#props;
    const logs = this.#makeLogs(group);
    const definition = this.#makeTask(group, logs);
    const securityGroup = new SecurityGroup(this, `Network-${group.name}`, {
      vpc,
      description: `${prefix} ${group.name}: nothing comes in but from the load balancer`,
    });
    const service = new FargateService(this, `Service-${group.name}`, {
      serviceName: `${prefix}-${group.name}`,
      cluster: this.cluster,
      taskDefinition: definition,
      vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS },
      securityGroups: [securityGroup],
      assignPublicIp: false,
      minHealthyPercent: 100,
      maxHealthyPercent: 200,
      circuitBreaker: { enable: true, rollback: true },
      enableExecuteCommand: false,
      capacityProviderStrategies: group.spot
        ? [
            { capacityProvider: 'FARGATE', base: Math.max(1, group.tasksMin), weight: 1 },
            { capacityProvider: 'FARGATE_SPOT', weight: SPOT_WEIGHT },
          ]
        : [{ capacityProvider: 'FARGATE', weight: 1 }],
    });
    grantNeeds(group, definition.taskRole, { ...this.#props, clusterName: prefix });
    scale(this, group, prefix, service, this.#props.messaging);
    return { group, service, logs };
  }

  /** No service: `aws ecs run-task` with the command as an override (docs/OPERATIONS.md). */
  #makeOperator(): void {
    const { prefix } = this.#props;
    const logs = this.#makeLogs(OPERATOR);
    const definition = this.#makeTask(OPERATOR, logs);
    grantNeeds(OPERATOR, definition.taskRole, { ...this.#props, clusterName: prefix });
  }

  #makeLogs({ name }: RoleGroup): LogGroup {
    return new LogGroup(this, `Logs-${name}`, {
      logGroupName: `/${this.#props.prefix}/${name}`,
      retention: RetentionDays.THREE_MONTHS,
    });
  }

  #makeTask(group: RoleGroup, logs: LogGroup): FargateTaskDefinition {
    const { prefix, image, settings, secrets, httpPort } = this.#props;
    const daemon = group.roles.length > 0;
    const definition = new FargateTaskDefinition(this, `Task-${group.name}`, {
      family: `${prefix}-${group.name}`,
      cpu: group.cpuUnits,
      memoryLimitMiB: group.memoryMiB,
      runtimePlatform: { cpuArchitecture: CpuArchitecture.X86_64, operatingSystemFamily: OperatingSystemFamily.LINUX },
      volumes: [{ name: 'tmp' }],
    });
    const container = definition.addContainer('remessa', {
      image,
      command: daemon ? ['serve', '--roles', rolesOf(group).join(','), '--alive-file', ALIVE_FILE] : ['--help'],
      environment: { ...settings, ...sizeSettings(group) },
      secrets: Object.fromEntries(
        Object.entries(secrets).map(([key, secret]) => [key, Secret.fromSecretsManager(secret)]),
      ),
      user: 'node',
      readonlyRootFilesystem: true,
      stopTimeout: Duration.seconds(STOP_SECONDS),
      // Passes signals on from the first moment, also before the program listens for them.
      linuxParameters: new LinuxParameters(this, `Init-${group.name}`, { initProcessEnabled: true }),
      ...(daemon ? { healthCheck: HEALTH_CHECK } : {}),
      // A log service that is slow must not slow the work: beyond the buffer, lines are lost, and the metrics still count.
      logging: new AwsLogDriver({
        logGroup: logs,
        streamPrefix: group.name,
        mode: AwsLogDriverMode.NON_BLOCKING,
        maxBufferSize: Size.mebibytes(LOG_BUFFER_MIB),
      }),
      ...(group.http ? { portMappings: [{ containerPort: httpPort }] } : {}),
    });
    container.addMountPoints({ containerPath: '/tmp', sourceVolume: 'tmp', readOnly: false });
    return definition;
  }
}

/** Lets the load balancer's security group in, and nobody else. */
export function admit(service: FargateService, from: SecurityGroup, port: number): void {
  service.connections.allowFrom(from, Port.tcp(port));
}

/**
 * Target tracking on (visible + in flight) ÷ running tasks, by metric math. Out within minutes of a rising backlog, in slowly;
 * tasks that hold work keep themselves from being chosen (task protection).
 */
function scale(
  scope: Construct,
  group: RoleGroup,
  prefix: string,
  service: FargateService,
  messaging: Messaging,
): void {
  const target = new ScalableTarget(scope, `Scaling-${group.name}`, {
    serviceNamespace: ServiceNamespace.ECS,
    scalableDimension: 'ecs:service:DesiredCount',
    resourceId: `service/${service.cluster.clusterName}/${service.serviceName}`,
    minCapacity: group.tasksMin,
    maxCapacity: group.tasksMax,
  });
  const queueMetrics = group.queues.flatMap((name, index) => {
    const dimensions = [{ name: 'QueueName', value: messaging.queues[name].queue.queueName }];
    const metric = (id: string, metricName: string): CfnScalingPolicy.TargetTrackingMetricDataQueryProperty => ({
      id,
      returnData: false,
      metricStat: { stat: 'Maximum', metric: { namespace: 'AWS/SQS', metricName, dimensions } },
    });
    return [
      metric(`waiting${index}`, 'ApproximateNumberOfMessagesVisible'),
      metric(`inhand${index}`, 'ApproximateNumberOfMessagesNotVisible'),
    ];
  });
  const sum = group.queues.map((_name, index) => `FILL(waiting${index}, 0) + FILL(inhand${index}, 0)`).join(' + ');
  new CfnScalingPolicy(scope, `Backlog-${group.name}`, {
    policyName: `${prefix}-${group.name}-backlog-per-task`,
    policyType: 'TargetTrackingScaling',
    scalingTargetId: target.scalableTargetId,
    targetTrackingScalingPolicyConfiguration: {
      targetValue: backlogPerTask(group),
      scaleOutCooldown: 60,
      scaleInCooldown: 300,
      customizedMetricSpecification: {
        metrics: [
          ...queueMetrics,
          {
            id: 'running',
            returnData: false,
            metricStat: {
              stat: 'Average',
              metric: {
                namespace: 'ECS/ContainerInsights',
                metricName: 'RunningTaskCount',
                dimensions: [
                  { name: 'ClusterName', value: service.cluster.clusterName },
                  { name: 'ServiceName', value: service.serviceName },
                ],
              },
            },
          },
          {
            id: 'backlogPerTask',
            label: 'backlog per task',
            returnData: true,
            expression: `(${sum}) / IF(FILL(running, 1) < 1, 1, FILL(running, 1))`,
          },
        ],
      },
    },
  });
}
