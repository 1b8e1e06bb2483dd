/** Answers to idempotent requests over the control database (port: idempotency). */
import type { IdempotencyStore } from '../../ports/idempotency.ts';
import type { Control } from './control.ts';

export function createIdempotency(control: Control): IdempotencyStore {
  return {
    begin: (claim) => control.call('idempotency.begin', claim),
    extend: ({ scope, key, owner }, leaseEndsMs) =>
      control.call('idempotency.extend', { scope, key, owner, leaseEndsMs }),
    note: ({ scope, key, owner }, note) => control.call('idempotency.note', { scope, key, owner, ...note }),
    finish: ({ scope, key, owner }, fingerprint, answer) =>
      control.call('idempotency.finish', { scope, key, owner, fingerprint, answer }),
    abandon: ({ scope, key, owner }) => control.call('idempotency.abandon', { scope, key, owner }),
    remove: (scope) => control.call('idempotency.remove', { scope }),
    sweep: (createdBeforeMs, max) => control.call('idempotency.sweep', { createdBeforeMs, max }),
  };
}
