/** A file that a writer still holds open and adds to after its debts were registered. */
import { closeSync, openSync, readdirSync, renameSync, utimesSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { goodFile } from './files.ts';
import { batchesOf, eventually, finalBatches, inboxFolder, sandboxes } from './harness.ts';

const sandbox = sandboxes();

describe('a file that grows after its debts were registered', () => {
  for (const [way, env] of [
    ['small', {}],
    ['large', { REMESSA_SMALL_RECORDS_MAX: '0' }],
  ] as const) {
    it(`keeps its answers and holds up no later file (${way})`, async () => {
      const { box } = sandbox;
      const folder = inboxFolder(box, 'acme');
      const path = join(folder, 'open.csv');
      const file = openSync(path, 'w');
      writeSync(file, `${goodFile(3)}bad,Maria,not-a-cpf,1.00,2026-01-01\n`);
      utimesSync(path, new Date(0), new Date(0));
      await box.serve(env);
      await finalBatches(box, 1);
      writeSync(file, 'grown,Maria,52998224725,1.00,2026-01-01\n');
      closeSync(file);

      const [first] = await batchesOf(box);
      for (const answer of ['rejects', 'resubmit', 'retorno']) {
        const told = await box.run([answer, first?.id ?? '']);
        expect(told.code, told.stderr).toBe(0);
        expect(told.stdout).toContain(answer === 'retorno' ? 'CPF_FORMAT' : 'not-a-cpf');
        expect(told.stdout).not.toContain('grown');
      }
      writeFileSync(join(folder, '.next.csv'), goodFile(2));
      renameSync(join(folder, '.next.csv'), join(folder, 'next.csv'));
      expect(await finalBatches(box, 2)).toMatchObject([{ state: 'completed' }, { state: 'completed' }]);
      await eventually('the inbox to be empty', () => readdirSync(folder).length === 0);
    });
  }
});
