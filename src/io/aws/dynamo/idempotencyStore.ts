/**
 * Answers to idempotent requests in DynamoDB (port: idempotency): one item each in the table of submissions, which expires
 * by its time to live.
 *
 *   openDynamoIdempotency(options: { table: string }, deps: { dynamodb; clock; random }): IdempotencyStore
 *
 * `pk` is `idem#<scope>#<bucket>`, `sk` the key: few partitions a scope, so that all of it can be found, and enough that none
 * is too hot. `rev` changes with every claim: a claim is taken from the state that was read, or not at all.
 * Faults: `SERVICE_IO`, `SERVICE_DENIED`.
 */
import { createHash } from 'node:crypto';
import { attemptId } from '../../../core/ids.ts';
import type { BeginAnswer, IdempotencyClaim, IdempotencyName, IdempotencyStore } from '../../ports/idempotency.ts';
import { type Item, type Key, KeyedTable, type TableDeps } from './keyedTable.ts';

const DAY_MS = 86_400_000;
/** A partition takes 1,000 writes a second; a request with a key takes two. */
const BUCKETS = 32;
/** A claim that was given up looks older than anything that is kept. */
const GIVEN_UP_MS = -1;

export function openDynamoIdempotency(options: { readonly table: string }, deps: TableDeps): IdempotencyStore {
  const table = new KeyedTable(options.table, deps);

  /** A change that only the present owner makes, and only before its answer is kept. */
  async function own(claim: IdempotencyClaim, set: string, values: Item): Promise<boolean> {
    return await table.update(keyOf(claim), {
      set,
      when: 'own = :own AND attribute_not_exists(answer)',
      values: { ...values, ':own': { S: claim.owner } },
    });
  }

  return {
    async begin(asked) {
      const { owner, nowMs, leaseMs, keepAfterMs } = asked;
      const key = keyOf(asked);
      for (let tries = 0; ; tries++) {
        const item = await table.get(key);
        const kept = item !== undefined && numberOf(item, 'created') >= keepAfterMs ? item : undefined;
        const fingerprint = kept?.['print']?.S ?? null;
        const effect = kept?.['effect']?.S;
        const noted = effect === undefined || fingerprint === null ? null : { fingerprint, effect };
        // A try whose answer was lost has claimed it for this very owner.
        if (kept !== undefined && kept['own']?.S === owner && kept['answer'] === undefined) {
          return { kind: 'begun', noted };
        }
        const stands = kept === undefined ? undefined : standing(kept, nowMs);
        if (stands !== undefined) return stands;
        const print = noted?.fingerprint ?? asked.fingerprint;
        const gone = ['answer', ...(noted === null ? ['effect'] : []), ...(print === null ? ['print'] : [])];
        const claimed = await table.update(key, {
          set:
            `SET own = :own, rev = :rev, lease = :lease, created = :created, #ttl = :ttl` +
            `${print === null ? '' : ', print = :print'} REMOVE ${gone.join(', ')}`,
          when: item === undefined ? 'attribute_not_exists(pk)' : 'rev = :seen',
          names: { '#ttl': 'ttl' },
          values: {
            ':own': { S: owner },
            ':rev': { S: attemptId(deps.random) },
            ':lease': { N: String(nowMs + leaseMs) },
            ':created': { N: String(kept === undefined ? nowMs : numberOf(kept, 'created')) },
            ':ttl': { N: String(Math.ceil((2 * nowMs - Math.max(keepAfterMs, nowMs - 30 * DAY_MS) + DAY_MS) / 1000)) },
            ...(print === null ? {} : { ':print': { S: print } }),
            ...(item === undefined ? {} : { ':seen': { S: item['rev']?.S ?? '' } }),
          },
        });
        if (claimed) return { kind: 'begun', noted };
        await table.pause(tries);
      }
    },
    extend: (claim, leaseEndsMs) => own(claim, 'SET lease = :lease', { ':lease': { N: String(leaseEndsMs) } }),
    note: (claim, { fingerprint, effect }) =>
      own(claim, 'SET print = :print, effect = :effect', { ':print': { S: fingerprint }, ':effect': { S: effect } }),
    async finish(claim, fingerprint, answer) {
      const values = { ':print': { S: fingerprint }, ':answer': { S: answer } };
      if (await own(claim, 'SET print = :print, answer = :answer REMOVE effect', values)) return true;
      const item = await table.get(keyOf(claim));
      return item?.['own']?.S === claim.owner && item['answer']?.S === answer;
    },
    abandon: (claim) =>
      own(claim, 'SET created = :no, lease = :no, own = :nobody REMOVE effect', {
        ':no': { N: String(GIVEN_UP_MS) },
        ':nobody': { S: '' },
      }),
    async remove(scope) {
      let removed = 0;
      for (let bucket = 0; bucket < BUCKETS; bucket++) {
        removed += await table.removeAll(partitionOf(scope, bucket));
      }
      return removed;
    },
    // Items expire by themselves.
    sweep: async () => 0,
  };
}

/** What stands in the way of a new claim. */
function standing(item: Item, nowMs: number): BeginAnswer | undefined {
  const fingerprint = item['print']?.S ?? null;
  const answer = item['answer']?.S;
  if (answer !== undefined) return { kind: 'done', fingerprint: fingerprint ?? '', answer };
  const leaseEndsMs = numberOf(item, 'lease');
  return leaseEndsMs > nowMs ? { kind: 'running', fingerprint, leaseEndsMs } : undefined;
}

function partitionOf(scope: string, bucket: number): string {
  return `idem#${scope}#${bucket}`;
}

function keyOf({ scope, key }: IdempotencyName): Key {
  const [bucket = 0] = createHash('sha256').update(key).digest();
  return { pk: partitionOf(scope, bucket % BUCKETS), sk: key };
}

function numberOf(item: Item, name: string): number {
  return Number(item[name]?.N ?? GIVEN_UP_MS);
}
