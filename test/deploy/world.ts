/** The stack as CloudFormation would see it, with its references filled in as far as they are known beforehand. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { RemessaStack, type RemessaStackProps } from '../../deploy/stack.ts';

export const ACCOUNT = '111122223333';
export const REGION = 'sa-east-1';

export interface Resource {
  readonly id: string;
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
  readonly DeletionPolicy?: string;
}

export class Synthesised {
  readonly template: Template;
  readonly resources: readonly Resource[];

  constructor(props: Partial<RemessaStackProps> = {}) {
    // Synthesis writes a folder of assets: one that goes again, for nothing here reads it.
    const outdir = mkdtempSync(join(tmpdir(), 'remessa-stack-'));
    try {
      const app = new App({ outdir });
      const env = { account: ACCOUNT, region: REGION };
      const defaults = { prefix: 'remessa', repository: 'remessa', image: 'v1', env };
      this.template = Template.fromStack(new RemessaStack(app, 'Test', { ...defaults, ...props }));
    } finally {
      rmSync(outdir, { recursive: true, force: true });
    }
    const made = this.template.toJSON()['Resources'] as Record<string, Omit<Resource, 'id'>>;
    this.resources = Object.entries(made).map(([id, resource]) => ({ id, ...resource }));
  }

  of(type: string): Resource[] {
    return this.resources.filter((resource) => resource.Type === type);
  }

  one(type: string, matching: (properties: Record<string, unknown>) => boolean): Resource {
    const found = this.of(type).filter((resource) =>
      matching(this.filled(resource.Properties) as Record<string, unknown>),
    );
    if (found.length !== 1) throw new Error(`${found.length} of ${type} match`);
    return found[0] as Resource;
  }

  /** A value with what it refers to: names where a resource has one, `<id>` or `<id.Attribute>` elsewhere. */
  filled(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((one) => this.filled(one));
    if (typeof value !== 'object' || value === null) return value;
    const node = value as Record<string, unknown>;
    if (typeof node['Ref'] === 'string') return this.#ref(node['Ref']);
    if (Array.isArray(node['Fn::GetAtt'])) return this.#attribute(node['Fn::GetAtt'] as string[]);
    if (Array.isArray(node['Fn::Join'])) {
      const [between, parts] = node['Fn::Join'] as [string, unknown[]];
      return parts.map((part) => String(this.filled(part))).join(between);
    }
    return Object.fromEntries(Object.entries(node).map(([key, one]) => [key, this.filled(one)]));
  }

  #ref(id: string): string {
    const pseudo: Record<string, string> = {
      'AWS::AccountId': ACCOUNT,
      'AWS::Region': REGION,
      'AWS::Partition': 'aws',
      'AWS::URLSuffix': 'amazonaws.com',
    };
    return pseudo[id] ?? this.#nameOf(id) ?? `<${id}>`;
  }

  #attribute([id, attribute]: string[]): string {
    const name = attribute?.endsWith('Arn') || attribute?.endsWith('Name') ? this.#nameOf(id ?? '') : undefined;
    return name ?? `<${id}.${attribute}>`;
  }

  #nameOf(id: string): string | undefined {
    const properties = this.resources.find((resource) => resource.id === id)?.Properties ?? {};
    const key = [
      'BucketName',
      'QueueName',
      'TableName',
      'TopicName',
      'ClusterName',
      'ServiceName',
      'LogGroupName',
    ].find((one) => properties[one] !== undefined);
    return key === undefined ? undefined : String(this.filled(properties[key]));
  }
}

export interface Statement {
  readonly Sid?: string;
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource?: unknown;
  readonly Principal?: unknown;
  readonly Condition?: Record<string, Record<string, unknown>>;
}

export function statementsOf(world: Synthesised, policy: Resource): Statement[] {
  const document = (policy.Properties['PolicyDocument'] ?? policy.Properties['KeyPolicy']) as {
    Statement: Statement[];
  };
  return world.filled(document.Statement) as Statement[];
}

export function listOf(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).map(String);
}
