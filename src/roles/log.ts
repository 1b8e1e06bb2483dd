/** The log: telemetry as JSON lines through pino. Every text is masked on its way out, so no CPF can stand in it. */
import { pino } from 'pino';
import { maskDigits, type Telemetry } from '../core/telemetry.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export function createLog(level: LogLevel, write: (line: string) => void): Telemetry {
  const logger = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, { write });
  return {
    emit(event) {
      if (!logger.isLevelEnabled(event.level)) return;
      const fields: Record<string, string | number | boolean> = {};
      for (const [key, value] of Object.entries(event.fields)) {
        if (value !== undefined) fields[key] = typeof value === 'string' ? maskDigits(value) : value;
      }
      const { rejectedBy } = event;
      logger[event.level](rejectedBy === undefined ? fields : { ...fields, rejectedBy }, event.name);
    },
  };
}
