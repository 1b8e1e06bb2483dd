/**
 * Resource policies as statements: what is wanted is added beside what is there, and found again whatever order, ids and
 * shorthands a service gives it back in.
 */
import { isDeepStrictEqual } from 'node:util';

export interface Statement {
  readonly Sid: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly Principal: '*' | { readonly Service: string };
  readonly Action: string;
  readonly Resource: string | readonly string[];
  readonly Condition: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** Refuses everyone who comes without TLS. */
export function tlsOnly(action: string, resource: string | readonly string[]): Statement {
  return {
    Sid: 'TlsOnly',
    Effect: 'Deny',
    Principal: '*',
    Action: action,
    Resource: resource,
    Condition: { Bool: { 'aws:SecureTransport': 'false' } },
  };
}

/** Those of `wanted` that the policy (JSON text, or none) does not have. */
export function missingStatements(policy: string | undefined, wanted: readonly Statement[]): Statement[] {
  const there = statementsOf(policy).map(plain);
  return wanted.filter((statement) => !there.some((one) => isDeepStrictEqual(one, plain(statement))));
}

/** The policy with the wanted statements, in place of those that have the same ids; as JSON text. */
export function withStatements(policy: string | undefined, wanted: readonly Statement[]): string {
  const ids = new Set<unknown>(wanted.map((statement) => statement.Sid));
  const kept = statementsOf(policy).filter((statement) => !ids.has(statement['Sid']));
  return JSON.stringify({ Version: '2012-10-17', Statement: [...kept, ...wanted] });
}

type AnyStatement = Readonly<Record<string, unknown>>;

function statementsOf(policy: string | undefined): AnyStatement[] {
  if (policy === undefined || policy === '') return [];
  let parsed: unknown;
  try {
    parsed = JSON.parse(policy);
  } catch {
    return [];
  }
  const found = (parsed as { readonly Statement?: unknown } | null)?.Statement;
  const list: unknown[] = Array.isArray(found) ? found : found === undefined ? [] : [found];
  return list.filter((one): one is AnyStatement => typeof one === 'object' && one !== null);
}

/** Without its id; lists sorted, and those of one in place of what stands alone; everyone written one way. */
function plain(statement: AnyStatement | Statement): unknown {
  const { Sid: _, ...rest } = statement as AnyStatement;
  return normal({ ...rest, Principal: isEveryone(rest['Principal']) ? '*' : rest['Principal'] });
}

function isEveryone(principal: unknown): boolean {
  if (principal === '*') return true;
  const aws = (principal as { readonly AWS?: unknown } | null | undefined)?.AWS;
  return aws === '*' || (Array.isArray(aws) && aws.length === 1 && aws[0] === '*');
}

function normal(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 1 ? normal(value[0]) : value.map(normal).sort();
  if (typeof value !== 'object' || value === null) return String(value);
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, normal(one)]));
}
