/**
 * The API asked by schemathesis: on every route of its description whatever that allows and forbids, with a client's key and
 * with an operator's. No answer is a fault of the service, none is other than described, no method or body that is not
 * described is taken, nothing is answered without a key.
 *
 * Runs with REMESSA_TEST_AWS=1 alone, for it needs Python. The seed is fixed; REMESSA_FUZZ_EXAMPLES says how many requests a
 * route is sent in each phase (`npm run fuzz:api` sends many).
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { describe, expect, it } from 'vitest';
import { SCHEMATHESIS_DIR } from '../support/aws/installed.ts';
import { type Sandbox, sandboxes } from './harness.ts';

const sandbox = sandboxes();
const EXAMPLES = Number(process.env['REMESSA_FUZZ_EXAMPLES'] ?? '10');
/**
 * Not asked: that everything the schemas allow is taken. A cursor that no list gave and a key that was used before are
 * right by their form and refused all the same.
 */
const NOT_ASKED = 'positive_data_acceptance';

interface Fuzzed {
  readonly code: number | null;
  readonly said: string;
}

function fuzz(box: Sandbox, url: string, headers: readonly string[]): Promise<Fuzzed> {
  const program = join(SCHEMATHESIS_DIR, 'bin', 'st');
  if (!existsSync(program)) throw new Error(`${program} is not there: run \`npm run aws-servers\` first`);
  const options = [
    ...['--checks', 'all', '--exclude-checks', NOT_ASKED, '--seed', '5', '--max-examples', String(EXAMPLES)],
    ...['--request-timeout', '60', '--generation-database', 'none', '--continue-on-failure', '--no-color'],
    // What machines are slow at is no fault of the API.
    ...['--suppress-health-check', 'all'],
    ...headers.flatMap((header) => ['-H', header]),
  ];
  const child = spawn(program, ['run', `${url}/openapi.json`, ...options], { cwd: box.root });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
  return new Promise((done, failed) => child.on('error', failed).on('close', (code) => done({ code, said })));
}

describe.skipIf(process.env['REMESSA_TEST_AWS'] !== '1')('the API, whatever it is asked', () => {
  it('answers as it is described, to a client and to an operator', async () => {
    const { box } = sandbox;
    const keyOf = async (...options: string[]) => (await box.run(['keys', 'issue', ...options])).stdout.trim();
    for (const id of ['acme', 'beta']) await box.run(['clients', 'add', id, '--name', id]);
    const [client, operator] = [await keyOf('--client', 'acme'), await keyOf('--operator')];
    const daemon = await box.serve();
    const url = /"url":"(http:[^"]+)"/.exec(daemon.stderr)?.[1] ?? '';
    const { paths } = (await (await fetch(`${url}/openapi.json`)).json()) as { readonly paths: Record<string, object> };
    const routes = Object.values(paths).reduce((sum, methods) => sum + Object.keys(methods).length, 0);
    const both = await Promise.all([
      fuzz(box, url, [`Authorization: Bearer ${client}`]),
      fuzz(box, url, [`Authorization: Bearer ${operator}`, 'X-Remessa-Client: beta']),
    ]);
    for (const { code, said } of both) {
      expect(code, said).toBe(0);
      expect(said).toContain(`Tested: ${routes}\n`);
    }
    // No bug was met on the way that an answer did not show.
    const ended = await daemon.kill('SIGTERM');
    expect(ended.code).toBe(0);
    expect(
      ended.stderr.split('\n').filter((row) => row.includes('http.failed') || row.includes('"code":"BUG"')),
    ).toEqual([]);
  }, 1_200_000);
});
