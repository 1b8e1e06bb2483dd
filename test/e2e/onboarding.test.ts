/** docs/ONBOARDING.md, run as it stands: each command, and what the page says that it prints. */
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { sandboxes } from './harness.ts';

const sandbox = sandboxes();
const ROOT = join(import.meta.dirname, '../..');

interface Block {
  readonly kind: string;
  readonly lines: readonly string[];
}

function blocksOf(page: string): Block[] {
  return [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, kind = '', body = '']) => ({
    kind,
    lines: body.split('\n').filter((line) => line.trim() !== ''),
  }));
}

/** The words of a command line, with `"…"` around some. */
function wordsOf(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
}

/** Whether the line reads as the page says; `…` stands for anything. */
function reads(line: string, said: string): boolean {
  const pattern = said
    .trim()
    .split('…')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${pattern.join('.*')}$`).test(line.trim());
}

describe('docs/ONBOARDING.md', () => {
  it('leads from an unknown file to registered debts', async () => {
    const { box } = sandbox;
    copyFileSync(join(ROOT, 'fixtures/onboarding/cobranca-julho.csv'), box.path('cobranca-julho.csv'));
    const blocks = blocksOf(readFileSync(join(ROOT, 'docs/ONBOARDING.md'), 'utf8'));
    let printed: string[] = [];
    let batch = '';
    let commands = 0;
    for (const { kind, lines } of blocks) {
      if (kind === 'json') {
        expect(readFileSync(box.path('padaria.json'), 'utf8').trimEnd().split('\n')).toEqual(lines);
        continue;
      }
      if (kind === 'text') {
        for (const said of lines) {
          const at = printed.findIndex((line) => reads(line, said));
          expect(at, `«${said}» is not printed, or not in this order:\n${printed.join('\n')}`).toBeGreaterThanOrEqual(
            0,
          );
          printed = printed.slice(at + 1);
        }
        continue;
      }
      printed = [];
      for (const line of lines) {
        const [npx, remessa, ...args] = wordsOf(line.replace('b-…', batch));
        expect([npx, remessa]).toEqual(['npx', 'remessa']);
        // Files are named as they stand in the folder where the operator works.
        const ran = await box.run(args.map((word) => (/^[\w-]+\.(csv|json)$/.test(word) ? box.path(word) : word)));
        expect(ran.code, `${line}\n${ran.stderr}`).toBe(0);
        commands += 1;
        batch = /b-[0-9a-z]{16}/.exec(ran.stdout)?.[0] ?? batch;
        printed.push(...`${ran.stderr}\n${ran.stdout}`.replaceAll(`${box.root}/`, '').split('\n'));
      }
    }
    expect(commands).toBeGreaterThan(6);
  });
});
