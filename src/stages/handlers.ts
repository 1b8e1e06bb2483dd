/** From a message to its stage, and from a failure to its verdict. One table for all queues. */
import { unreachable } from '../core/assert.ts';
import { DONE, type Handler, type Verdict } from '../engine/consumer.ts';
import { afterFailure } from './batch/failures.ts';
import { decodeMessage, type Message, workOf } from './batch/messages.ts';
import type { StageContext } from './context.ts';
import { finish, free } from './finish.ts';
import { intermediate } from './intermediate.ts';
import { advanceLine } from './line.ts';
import { ask, notify } from './notify.ts';
import { pick } from './pick.ts';
import { registering } from './registering.ts';
import { settle } from './settle.ts';

export function handlerOf(context: StageContext): Handler {
  return async (received, signal): Promise<Verdict> => {
    let message: Message;
    try {
      message = decodeMessage(received.body);
    } catch (error) {
      context.telemetry.emit({
        name: 'message.refused',
        level: 'error',
        fields: { error: error instanceof Error ? error.message : String(error) },
      });
      // It comes again until its deliveries are used up, and then lies with the dead letters for a person to look at.
      return { done: false, retryMs: context.settings.retryMsMax };
    }
    try {
      await handle(context, message, signal);
      return DONE;
    } catch (error) {
      const verdict = await afterFailure(context, message.batch, workOf(message), received.receives, error);
      // The message that its ended batch now owes to the line is this very one, which is not sent twice while it is held.
      if (message.kind === 'line' && verdict.done) await advanceLine(context, message.client, message.batch, signal);
      return verdict;
    }
  };
}

function handle(context: StageContext, message: Message, signal: AbortSignal): Promise<void> {
  switch (message.kind) {
    case 'pick':
      return pick(context, message.batch, signal);
    case 'range':
      return intermediate(context, message.batch, message.range, signal);
    case 'settle':
      return settle(context, message.batch, signal);
    case 'line':
      return advanceLine(context, message.client, message.batch, signal);
    case 'shard':
      return registering(context, message.batch, message.shard, message.mode, signal);
    case 'finish':
      return finish(context, message.batch, signal);
    case 'free':
      return free(context, message.batch, signal);
    case 'ask':
      return ask(context, message.batch);
    case 'notify':
      return notify(context, message.batch);
    default:
      return unreachable(message);
  }
}
