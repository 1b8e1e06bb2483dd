/**
 * Looking at what there is and making it what is wanted, one aspect of one resource at a time: the engine of `provision`.
 *
 * Promises
 * - An aspect is looked at before it is touched and once more afterwards: only what then is as wanted counts as made.
 * - What services show late (their settings spread within seconds) is looked at again, up to `settleMs`.
 * - Where the endpoint is none of AWS's, a feature that it does not know, or takes without keeping it, is `not offered`.
 * - A resource that is not there, or is another than wanted, has no further aspects.
 */
import type { Clock } from '../../../core/clock.ts';
import { isFault } from '../../../core/faults.ts';
import type { ProvisionItem, ProvisionState } from '../../ports/provisioning.ts';
import { errorName, serviceFault } from '../serviceFaults.ts';

export type Look =
  | { readonly is: 'as wanted' }
  | { readonly is: 'missing' }
  | { readonly is: 'differs'; readonly says: string }
  /** Nothing that is made here can change it. */
  | { readonly is: 'fixed'; readonly says: string };

export interface Aspect {
  readonly name: string;
  look(): Promise<Look>;
  make(): Promise<void>;
}

export interface Resource {
  /** Such as `queue remessa-picker`. */
  readonly name: string;
  /** As the service is called in faults. */
  readonly service: string;
  /** The first is the resource itself. */
  readonly aspects: readonly Aspect[];
}

export interface AspectOptions {
  readonly check: boolean;
  /** Whether the service stands at an endpoint that is none of AWS's. */
  readonly foreign: boolean;
  readonly settleMs: number;
}

export const AS_WANTED: Look = { is: 'as wanted' };
export const MISSING: Look = { is: 'missing' };

export function differs(says: string): Look {
  return { is: 'differs', says };
}

/** Thrown by an aspect that sees that the endpoint does not have its feature. */
export class FeatureUnknown extends Error {
  override readonly name = 'FeatureUnknown';
}

const LOOK_AGAIN_MS = 1000;
const UNKNOWN_FEATURE: ReadonlySet<string> = new Set([
  'FeatureUnknown',
  'InvalidAction',
  'InvalidAttributeName',
  'MethodNotAllowed',
  'NotImplemented',
  'NotImplementedError',
  'UnknownOperation',
  'UnknownOperationException',
  'UnsupportedOperation',
]);

/** In any other state of the resource itself, nothing else of it is worth a look. */
const BE_THERE: ReadonlySet<ProvisionState> = new Set(['as wanted', 'made', 'changed']);

/** Settles every aspect of a resource, in order. */
export async function settleResource(
  resource: Resource,
  options: AspectOptions,
  clock: Clock,
  onItem: (item: ProvisionItem) => void,
): Promise<void> {
  for (const [index, aspect] of resource.aspects.entries()) {
    const settled = await settleAspect(resource, aspect, options, clock);
    const item = { resource: resource.name, aspect: aspect.name, ...settled };
    onItem(item);
    if (index === 0 && !BE_THERE.has(item.state)) return;
  }
}

type Settled = Pick<ProvisionItem, 'state' | 'says'>;

async function settleAspect(
  resource: Resource,
  aspect: Aspect,
  options: AspectOptions,
  clock: Clock,
): Promise<Settled> {
  const { check, foreign } = options;
  const lacking = (error: unknown): boolean => foreign && UNKNOWN_FEATURE.has(errorName(error));
  const failed = (error: unknown): Settled =>
    lacking(error)
      ? { state: 'not offered', says: errorName(error) }
      : { state: 'failed', says: textOf(resource, aspect, error) };
  let found: Look;
  try {
    found = await aspect.look();
  } catch (error) {
    return failed(error);
  }
  if (found.is === 'as wanted') return { state: 'as wanted', says: '' };
  if (found.is === 'fixed') return { state: check ? 'differs' : 'failed', says: found.says };
  const says = found.is === 'differs' ? found.says : '';
  // Whether a foreign endpoint knows a feature shows only when it is asked to keep it.
  if (check) return { state: found.is, says };
  try {
    await aspect.make();
    const now = await lookAfterwards(aspect, options, clock);
    if (now.is === 'as wanted') return { state: found.is === 'missing' ? 'made' : 'changed', says };
    const still = now.is === 'missing' ? 'it is not there afterwards' : now.says;
    return foreign
      ? { state: 'not offered', says: 'taken and not kept' }
      : { state: 'failed', says: `not as wanted afterwards: ${still}` };
  } catch (error) {
    return failed(error);
  }
}

async function lookAfterwards(aspect: Aspect, { settleMs }: AspectOptions, clock: Clock): Promise<Look> {
  const untilMs = clock.monotonicMs() + settleMs;
  for (;;) {
    const now = await aspect.look();
    if (now.is === 'as wanted' || clock.monotonicMs() >= untilMs) return now;
    await clock.sleep(LOOK_AGAIN_MS);
  }
}

function textOf(resource: Resource, aspect: Aspect, error: unknown): string {
  const shown = serviceFault({ service: resource.service, operation: aspect.name }, error);
  if (isFault(shown)) return shown.message;
  // A bug: the stack says where.
  return shown instanceof Error ? (shown.stack ?? shown.message) : String(shown);
}
