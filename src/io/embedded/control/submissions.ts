/** Submissions over the control database (port: submissions). Concurrent appends share one synced transaction there. */
import type { SubmissionStore } from '../../ports/submissions.ts';
import type { Control } from './control.ts';

export function createSubmissions(control: Control): SubmissionStore {
  return {
    create: (draft) => control.call('submissions.create', draft),
    get: (client, id) => control.call('submissions.get', { client, id }),
    list: (client, page) => control.call('submissions.list', { client, ...page }),
    countOpen: (client) => control.call('submissions.countOpen', client),
    append: ({ lines, ...append }) =>
      control.call('submissions.append', {
        ...append,
        count: lines.length,
        bytes: lines.reduce((sum, line) => sum + Buffer.byteLength(line), 0),
        body: JSON.stringify(lines),
      }),
    close: (client, id, nowMs, idleMs) => control.call('submissions.close', { client, id, nowMs, idleMs }),
    read: (client, id, page) => control.call('submissions.read', { client, id, ...page }),
    finish: (client, id, batch, nowMs) => control.call('submissions.finish', { client, id, batch, nowMs }),
    discard: (client, id) => control.call('submissions.discard', { client, id }),
    remove: (client, id) => control.call('submissions.remove', { client, id }),
    unfinished: (untouchedSinceMs, max) => control.call('submissions.unfinished', { untouchedSinceMs, max }),
    sweep: (options) => control.call('submissions.sweep', options),
  };
}
