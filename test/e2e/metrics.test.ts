/** Metrics of the program: what the log carries for CloudWatch agrees with the receipt; a store that is away harms nothing. */
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { madeFile, OUTCOMES } from './files.ts';
import { finalBatches, inboxFolder, sandboxes } from './harness.ts';
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
