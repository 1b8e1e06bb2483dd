/**
 * The whole of Remessa on AWS, one stack a prefix: storage, messaging, a service for each group of roles, alarms.
 *
 * What is given from outside: the image (a repository and a tag or digest), and, where clients send over HTTP, a certificate.
 * Without a certificate there is no load balancer: files come by the bucket alone.
 */
import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import { GatewayVpcEndpointAwsService, type IVpc, SecurityGroup, SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2';
import { Repository } from 'aws-cdk-lib/aws-ecr';
import { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import {
  ApplicationLoadBalancer,
  ApplicationProtocol,
  ListenerAction,
  ListenerCondition,
  SslPolicy,
} from 'aws-cdk-lib/aws-elasticloadbalancingv2';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { namesOf } from '../src/io/aws/names.ts';
import { DRAIN_MS, ROLE_GROUPS, type RoleGroup } from './groups.ts';
import { Messaging } from './messaging.ts';
import { admit, Services } from './services.ts';
import {
  DOCUMENT_SECRET_KEY,
  DOCUMENT_SECRET_LENGTH,
  engineSettings,
  LEASE_SECONDS,
  RECEIVES_MAX,
  RULES_TOKEN_KEY,
} from './settings.ts';
import { bucketNameOf, Storage } from './storage.ts';
import { Watching } from './watching.ts';

export interface RemessaStackProps extends StackProps {
  /** The beginning of every name; lower case, as a bucket's name may begin. */
  readonly prefix: string;
  /** An ECR repository of this account and region, and which image of it: a tag, or a digest (`sha256:…`). */
  readonly repository: string;
  readonly image: string;
  /** The certificate (ARN) under which clients reach the API. */
  readonly certificateArn?: string;
  /** The address that mails to clients come from, verified in SES. */
  readonly mailFrom?: string;
  /** Where the rules service is asked (REMESSA_RULES_URL), and the name of the secret that holds its token. */
  readonly rulesUrl?: string;
  readonly rulesTokenSecret?: string;
  /** Write units a second that the staging and debts tables take at once. */
  readonly warmWriteUnits?: number;
  /** An existing network with private subnets that reach out; a new one otherwise. */
  readonly vpc?: IVpc;
  readonly groups?: readonly RoleGroup[];
}

const HTTP_PORT = 8080;
/** Whether a task is to be sent requests: alive, not ending, its stores answer (src/api/routes/health.ts). */
export const HEALTH_PATH = '/readyz';
/** Asked from inside the network; nobody outside has a use for them. */
export const INSIDE_PATHS = ['/metrics', '/healthz', '/readyz'];

export class RemessaStack extends Stack {
  readonly storage: Storage;
  readonly messaging: Messaging;
  readonly services: Services;
  readonly watching: Watching;

  constructor(scope: Construct, id: string, props: RemessaStackProps) {
    super(scope, id, { terminationProtection: true, ...props });
    const { prefix, mailFrom, rulesUrl, rulesTokenSecret } = props;
    if (rulesTokenSecret !== undefined && rulesUrl === undefined) {
      throw new Error('a token is for a rules service, and no rulesUrl is given');
    }
    if (!/^[a-z][a-z0-9-]{1,20}[a-z0-9]$/.test(prefix)) {
      throw new Error(`the prefix «${prefix}» must be 3 to 22 lower-case letters, digits and hyphens`);
    }
    const names = namesOf(prefix, bucketNameOf(prefix));
    this.storage = new Storage(this, 'Storage', { prefix, names, warmWriteUnits: props.warmWriteUnits });
    const settings = engineSettings({
      prefix,
      bucket: names.bucket,
      region: this.region,
      httpPort: HTTP_PORT,
      mailFrom,
      rulesUrl,
    });
    this.messaging = new Messaging(this, 'Messaging', {
      prefix,
      bucket: this.storage.bucket,
      names,
      leaseSeconds: LEASE_SECONDS,
      receivesMax: RECEIVES_MAX,
    });
    const repository = Repository.fromRepositoryName(this, 'Repository', props.repository);
    this.services = new Services(this, 'Services', {
      prefix,
      vpc: props.vpc ?? this.#makeNetwork(),
      image: ContainerImage.fromEcrRepository(repository, props.image),
      groups: props.groups ?? ROLE_GROUPS,
      settings,
      secrets: {
        [DOCUMENT_SECRET_KEY]: this.#makeSecret(prefix),
        ...(rulesTokenSecret === undefined
          ? {}
          : { [RULES_TOKEN_KEY]: Secret.fromSecretNameV2(this, 'RulesToken', rulesTokenSecret) }),
      },
      storage: this.storage,
      messaging: this.messaging,
      mailFrom,
      httpPort: HTTP_PORT,
    });
    this.watching = new Watching(this, 'Watching', {
      prefix,
      storage: this.storage,
      messaging: this.messaging,
      services: this.services.services,
    });
    if (props.certificateArn !== undefined) this.#openToClients(props.certificateArn);
    Tags.of(this).add('application', prefix);
    new CfnOutput(this, 'BucketName', { value: this.storage.bucket.bucketName });
    new CfnOutput(this, 'AlarmTopic', { value: this.watching.topic.topicArn });
  }

  /** The key under which debts are found by document. It stays for good: with another one, nothing is found. */
  #makeSecret(prefix: string): ISecret {
    return new Secret(this, 'DocumentSecret', {
      secretName: `${prefix}/document`,
      description: `${prefix}: the key under which debts are found by document; never to be changed`,
      generateSecretString: { passwordLength: DOCUMENT_SECRET_LENGTH, excludePunctuation: true },
      removalPolicy: RemovalPolicy.RETAIN,
    });
  }

  /** Two zones. Objects and items go by gateway endpoints, which cost nothing; the rest goes out by the NAT gateways. */
  #makeNetwork(): IVpc {
    return new Vpc(this, 'Network', {
      maxAzs: 2,
      natGateways: 2,
      subnetConfiguration: [
        { name: 'public', subnetType: SubnetType.PUBLIC, cidrMask: 24 },
        { name: 'private', subnetType: SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 20 },
      ],
      restrictDefaultSecurityGroup: false,
      gatewayEndpoints: {
        s3: { service: GatewayVpcEndpointAwsService.S3 },
        dynamodb: { service: GatewayVpcEndpointAwsService.DYNAMODB },
      },
    });
  }

  #openToClients(certificateArn: string): void {
    const input = this.services.services.find(({ group }) => group.http);
    if (input === undefined) throw new Error('no group answers HTTP');
    const { vpc } = this.services.cluster;
    const securityGroup = new SecurityGroup(this, 'FrontNetwork', { vpc, description: 'HTTPS from clients' });
    const front = new ApplicationLoadBalancer(this, 'Front', {
      vpc,
      internetFacing: true,
      securityGroup,
      dropInvalidHeaderFields: true,
      deletionProtection: true,
      // An upload may pause; the daemon has deadlines of its own.
      idleTimeout: Duration.seconds(120),
    });
    const listener = front.addListener('Https', {
      port: 443,
      protocol: ApplicationProtocol.HTTPS,
      sslPolicy: SslPolicy.TLS13_RES,
      certificates: [Certificate.fromCertificateArn(this, 'Certificate', certificateArn)],
    });
    listener.addTargets('Input', {
      port: HTTP_PORT,
      protocol: ApplicationProtocol.HTTP,
      targets: [input.service.loadBalancerTarget({ containerName: 'remessa', containerPort: HTTP_PORT })],
      healthCheck: {
        path: HEALTH_PATH,
        interval: Duration.seconds(15),
        healthyThresholdCount: 2,
        // A store that is away for a minute is no reason to start other tasks.
        unhealthyThresholdCount: 10,
      },
      deregistrationDelay: Duration.millis(DRAIN_MS),
    });
    listener.addAction('InsideOnly', {
      priority: 1,
      conditions: [ListenerCondition.pathPatterns(INSIDE_PATHS)],
      action: ListenerAction.fixedResponse(404),
    });
    admit(input.service, securityGroup, HTTP_PORT);
    new CfnOutput(this, 'Address', { value: front.loadBalancerDnsName });
  }
}
