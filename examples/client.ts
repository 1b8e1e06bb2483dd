/**
 * A small client of the input API, and what it is used for: sends a file, follows its batch, prints the receipt and the
 * rejected lines, then registers one debt as a submission. Runs as it is on Node 24 and later:
 *
 *   REMESSA_URL=http://127.0.0.1:8080 REMESSA_TOKEN=rk_… node examples/client.ts debts.csv
 */
import { randomUUID } from 'node:crypto';
import { openAsBlob } from 'node:fs';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';

interface Batch {
  readonly id: string;
  readonly state: string;
  readonly receipt: { readonly lines: Readonly<Record<string, number>> } | null;
  readonly failure: { readonly message: string } | null;
}

const FINAL = new Set(['completed', 'failed', 'cancelled']);
const TRIES = 5;

class Remessa {
  readonly #url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  /** The same key is sent with each try, so that trying again has no second effect. */
  async #ask(method: string, path: string, body?: Blob | object): Promise<Response> {
    const headers = new Headers({ authorization: `Bearer ${this.#token}` });
    if (method === 'POST') headers.set('idempotency-key', randomUUID());
    if (body !== undefined) headers.set('content-type', body instanceof Blob ? 'text/csv' : 'application/json');
    const content = body === undefined || body instanceof Blob ? body : JSON.stringify(body);
    for (let tries = 1; ; tries++) {
      const answer = await fetch(`${this.#url}${path}`, {
        method,
        headers,
        ...(content === undefined ? {} : { body: content }),
      });
      if (answer.ok) return answer;
      const problem = (await answer.json()) as { readonly code: string; readonly detail: string };
      const waits = answer.headers.get('retry-after');
      if (waits === null || tries === TRIES) throw new Error(problem.detail);
      await pause(Number(waits) * 1000);
    }
  }

  async sendFile(path: string): Promise<Batch> {
    return (await (await this.#ask('POST', '/v1/files?file=debts.csv', await openAsBlob(path))).json()) as Batch;
  }

  async submitLines(lines: readonly object[]): Promise<Batch> {
    const { id } = (await (await this.#ask('POST', '/v1/submissions', {})).json()) as { readonly id: string };
    await this.#ask('POST', `/v1/submissions/${id}/lines`, { lines });
    return (await (await this.#ask('POST', `/v1/submissions/${id}/submit`)).json()) as Batch;
  }

  /** Follows the batch to its end over its events. */
  async finished(id: string): Promise<Batch> {
    const events = await this.#ask('GET', `/v1/batches/${id}/events`);
    const text = new TextDecoder();
    let held = '';
    for await (const chunk of events.body ?? []) {
      held += text.decode(chunk, { stream: true });
      const [, last] = /^event: end\nid: \d+\ndata: (.*)\n\n/m.exec(held) ?? [];
      if (last !== undefined) return JSON.parse(last) as Batch;
    }
    // The stream was cut: the batch can be asked for at any time.
    const batch = (await (await this.#ask('GET', `/v1/batches/${id}`)).json()) as Batch;
    return FINAL.has(batch.state) ? batch : await this.finished(id);
  }

  async answer(id: string, kind: 'rejects' | 'resubmit' | 'retorno'): Promise<string> {
    return await (await this.#ask('GET', `/v1/batches/${id}/${kind}`)).text();
  }
}

const { REMESSA_URL = 'http://127.0.0.1:8080', REMESSA_TOKEN = '' } = process.env;
const remessa = new Remessa(REMESSA_URL, REMESSA_TOKEN);
const [file = 'debts.csv'] = process.argv.slice(2);

const sent = await remessa.finished((await remessa.sendFile(file)).id);
console.log(`file ${sent.state}`, sent.receipt?.lines ?? sent.failure?.message);
console.log(await remessa.answer(sent.id, 'rejects'));

const line = {
  external_ref: 'CT-9002',
  debtor_name: 'João Souza',
  cpf: '11144477735',
  amount: '99.90',
  due_date: '2026-02-01',
};
const submitted = await remessa.finished((await remessa.submitLines([line])).id);
console.log(`submission ${submitted.state}`, submitted.receipt?.lines);
