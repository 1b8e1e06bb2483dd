/** Deliveries over the control database (port: deliveries). */
import type { DeliveryStore } from '../../ports/deliveries.ts';
import type { Control } from './control.ts';

export function createDeliveries(control: Control): DeliveryStore {
  return {
    add: (deliveries) => control.call('deliveries.add', deliveries),
    replace: (delivery, expectedRevision) => control.call('deliveries.replace', { delivery, expectedRevision }),
    get: (client, id) => control.call('deliveries.get', { client, id }),
    due: (nowMs, max) => control.call('deliveries.due', { nowMs, max }),
    pending: (client, channel, max) => control.call('deliveries.pending', { client, channel, max }),
    list: (filter) => control.call('deliveries.list', filter),
    remove: (client, batches) =>
      control.call('deliveries.remove', { client, batches: batches === undefined ? null : [...batches] }),
    sweep: (createdBeforeMs, max) => control.call('deliveries.sweep', { createdBeforeMs, max }),
  };
}
