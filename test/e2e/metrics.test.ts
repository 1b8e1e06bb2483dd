/** Metrics of the program: what the log carries for CloudWatch agrees with the receipt; a store that is away harms nothing. */
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { madeFile, OUTCOMES } from './files.ts';
import { eventually, finalBatches, inboxFolder, sandboxes } from './harness.ts';
import type { Receipt } from './judge.ts';

const sandbox = sandboxes();

interface EmfLine {
  readonly _aws: { readonly CloudWatchMetrics: readonly { readonly Namespace: string }[] };
  readonly [member: string]: unknown;
}

/** The lines that CloudWatch makes metrics of, among all others. */
function emfLines(stderr: string): EmfLine[] {
  return stderr
    .split('\n')
    .filter((line) => line.includes('"_aws"'))
    .map((line) => JSON.parse(line) as EmfLine);
}

function sumOf(lines: readonly EmfLine[], metric: string, dimensions: Readonly<Record<string, string>>): number {
  return lines
    .filter((line) => Object.entries(dimensions).every(([name, value]) => line[name] === value))
    .flatMap((line) => (line[metric] as number | number[] | undefined) ?? [])
    .reduce((sum, value) => sum + value, 0);
}

function ingest(file: string, env: Readonly<Record<string, string>>) {
  return sandbox.box.run(['ingest', file, '--client', 'acme', '--as-of', '2026-08-03', '--json'], { env });
}

describe('metrics', () => {
  const made = madeFile({ lines: 5000, seed: 41 });
  const many = { REMESSA_RANGE_BYTES: '64KiB', REMESSA_RECORD_BYTES_MAX: '32KiB', REMESSA_SHARD_RECORDS: '1000' };

  it('in the log agree with the receipt', async () => {
    const file = sandbox.box.write('debts.csv', made.bytes);
    const ran = await ingest(file, { ...many, REMESSA_METRICS: 'emf', REMESSA_METRICS_NAMESPACE: 'Cobranca' });
    expect(ran.code).toBe(0);
    const receipt = JSON.parse(ran.stdout) as Receipt;
    const lines = emfLines(ran.stderr);
    expect(new Set(lines.map((line) => line._aws.CloudWatchMetrics[0]?.Namespace))).toEqual(new Set(['Cobranca']));
    expect(sumOf(lines, 'lines', { client: 'acme' })).toBe(receipt.lines.total);
    for (const outcome of OUTCOMES.filter((name) => name !== 'rejected')) {
      expect(sumOf(lines, 'debts', { outcome }), outcome).toBe(receipt.lines[outcome]);
    }
    for (const [code, records] of Object.entries(receipt.rejectedBy)) {
      expect(sumOf(lines, 'rejections', { code }), code).toBe(records);
    }
    expect(sumOf(lines, 'batches', { state: 'completed' })).toBe(1);
  });

  it('for Prometheus tell of every matter, and agree with the receipt', async () => {
    const { box } = sandbox;
    const keyOf = async (...options: string[]) => (await box.run(['keys', 'issue', ...options])).stdout.trim();
    await box.run(['clients', 'add', 'acme', '--name', 'Acme']);
    const [token, operator] = [await keyOf('--client', 'acme'), await keyOf('--operator')];
    const daemon = await box.serve({ ...many, REMESSA_SMALL_RECORDS_MAX: '0', REMESSA_SWEEP_MS: '200' });
    const url = /"url":"(http:[^"]+)"/.exec(daemon.stderr)?.[1] ?? '';
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'text/csv' };
    const send = async (body: Uint8Array): Promise<string> => {
      const sent = await fetch(`${url}/v1/files`, { method: 'POST', headers, body: Buffer.from(body) });
      return ((await sent.json()) as { readonly id: string }).id;
    };
    const good = await send(made.bytes);
    const bad = await send(Buffer.from('%PDF-1.4'));
    const read = async (id: string) =>
      (await (await fetch(`${url}/v1/batches/${id}`, { headers })).json()) as { state: string; receipt: Receipt };
    const { receipt } = await eventually('both to end', async () => {
      const states = [await read(good), await read(bad)];
      return states[0]?.state === 'completed' && states[1]?.state === 'failed' ? states[0] : undefined;
    });
    const page = async (as: string) =>
      await (await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${as}` } })).text();
    // The last things to be told: the queues are looked at now and then, and a thread tells of its work in its own time.
    const last = [
      /^remessa_queue_messages\{queue="picker",state="waiting"\} 0$/m,
      /^remessa_batch_age_seconds_count\{[^}]*state="completed"[^}]*\} 1$/m,
      /^remessa_failures_total\{[^}]*stage="pick"[^}]*\} 1$/m,
      new RegExp(`^remessa_debts_count\\{[^}]*outcome="created"[^}]*\\} ${receipt.shards}$`, 'm'),
    ];
    const text = await eventually('the last of it to be told', async () => {
      const shown = await page(operator);
      return last.every((series) => series.test(shown)) ? shown : undefined;
    });
    const sorted = (series: string): string => {
      const [name = '', labels = ''] = series.split(/[{}]/);
      return `${name}{${labels.split(',').sort().join(',')}}`;
    };
    const samples = new Map(
      text.split('\n').map((row) => [sorted(row.slice(0, row.lastIndexOf(' '))), Number(row.split(' ').at(-1))]),
    );
    const value = (series: string): number => samples.get(sorted(series)) ?? Number.NaN;
    expect(value('remessa_lines_total{client="acme"}')).toBe(receipt.lines['total']);
    for (const outcome of OUTCOMES) {
      expect(value(`remessa_debts_sum{outcome="${outcome}"}`), outcome).toBeLessThanOrEqual(
        receipt.lines[outcome] ?? 0,
      );
      expect(value(`remessa_debts_count{outcome="${outcome}"}`)).toBe(receipt.shards);
    }
    expect(value('remessa_debts_sum{outcome="created"}')).toBe(receipt.lines['created']);
    for (const [code, records] of Object.entries(receipt.rejectedBy)) {
      expect(value(`remessa_rejections_total{code="${code}"}`), code).toBe(records);
    }
    expect(text).toMatch(/^remessa_failures_total\{(?=[^}]*stage="pick")(?=[^}]*code="[A-Z_]+")[^}]*\} 1$/m);
    for (const stage of ['intermediate', 'registering']) {
      expect(value(`remessa_stage_lines_per_second_count{stage="${stage}"}`)).toBeGreaterThan(0);
      expect(value(`remessa_stage_time_seconds_count{stage="${stage}"}`)).toBeGreaterThan(0);
    }
    expect(value('remessa_batch_age_seconds_count{state="completed"}')).toBe(1);
    expect(value('remessa_queue_oldest_seconds{queue="picker"}')).toBe(0);
    expect(value('remessa_pool_threads{state="all"}')).toBeGreaterThan(0);
    expect(value('remessa_http_requests_total{method="POST",route="/v1/files",status="2xx"}')).toBe(2);
    expect(value('remessa_http_time_seconds_count{method="POST",route="/v1/files",status="2xx"}')).toBe(2);
    expect(value('remessa_http_received_bytes_total{method="POST",route="/v1/files"}')).toBeGreaterThan(
      made.bytes.length,
    );
    expect(value('remessa_http_in_flight{method="POST",route="/v1/files"}')).toBe(0);
    expect(await page(token)).not.toContain('client="');
    expect((await daemon.kill('SIGTERM')).code).toBe(0);
  });

  it('say nothing where nobody asked for them', async () => {
    const file = sandbox.box.write('debts.csv', made.bytes);
    const ran = await ingest(file, {});
    expect(ran.code).toBe(0);
    expect(emfLines(ran.stderr)).toEqual([]);
  });

  // fault 34
  it('that nobody takes are told, and files go their way', async () => {
    const { box } = sandbox;
    const folder = inboxFolder(box, 'acme');
    const daemon = await box.serve({
      REMESSA_METRICS: 'timestream',
      REMESSA_METRICS_MS: '1000',
      REMESSA_METRICS_REGION: 'us-east-1',
      REMESSA_AWS_ENDPOINT: 'http://127.0.0.1:1',
      AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'secret',
    });
    renameSync(box.write('aside', made.bytes), join(folder, 'debts.csv'));
    const [batch] = await finalBatches(box, 1);
    expect(batch).toMatchObject({ state: 'completed', records: made.truth.length });
    const ended = await daemon.kill('SIGTERM');
    expect(ended.code).toBe(0);
    expect(ended.stderr).toContain('"msg":"metrics.dropped"');
  });

  it('for Timestream are refused without a region', async () => {
    const ran = await ingest(sandbox.box.write('debts.csv', made.bytes), { REMESSA_METRICS: 'timestream' });
    expect(ran.code).not.toBe(0);
    expect(ran.stderr).toContain('REMESSA_METRICS_REGION');
  });
});
