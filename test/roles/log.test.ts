/** The log: one JSON line an event, at or above its level, and no CPF in it. */
import { describe, expect, it } from 'vitest';
import { createLog, type LogLevel } from '../../src/roles/log.ts';

function logged(level: LogLevel) {
  const lines: string[] = [];
  const log = createLog(level, (line) => void lines.push(line));
  return { log, lines, parsed: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

describe('the log', () => {
  it('writes an event as one line of JSON', () => {
    const { log, lines, parsed } = logged('info');
    log.emit({ name: 'range.staged', level: 'info', fields: { batch: 'b-1', range: 3, ok: true, code: undefined } });
    expect(lines[0]?.endsWith('\n')).toBe(true);
    expect(parsed()[0]).toMatchObject({ msg: 'range.staged', batch: 'b-1', range: 3, ok: true });
    expect(parsed()[0]).not.toHaveProperty('code');
    expect(Date.parse(String(parsed()[0]?.['time']))).not.toBeNaN();
  });

  it.each([
    ['debug', 4],
    ['info', 3],
    ['warn', 2],
    ['error', 1],
    ['silent', 0],
  ] as const)('at %s writes %i of the four levels', (level, count) => {
    const { log, lines } = logged(level);
    for (const of of ['debug', 'info', 'warn', 'error'] as const) log.emit({ name: 'x', level: of, fields: {} });
    expect(lines.length).toBe(count);
  });

  // threat 4
  it('masks what may be a CPF in every text', () => {
    const { log, lines } = logged('info');
    const error =
      'at 529.982.247-25 and 52998224725, 529 982 247-25\nand 1234567890, 12.ABC.345/01DE-35, 12ABC34501DE35';
    log.emit({ name: 'work.failed', level: 'error', fields: { error, file: 'CPF 00000000191.csv' } });
    expect(lines.join('')).not.toMatch(/529|52998224725|1234567890|00000000191|ABC/);
    expect(lines.length).toBe(1);
  });
});
