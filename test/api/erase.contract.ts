/**
 * Erasing what came over the API: a person's, then a client's; judged by every byte that the stores still hold, and by what
 * the API answers afterwards.
 */
import { describe, expect, it } from 'vitest';
import { type EraseWish, erase } from '../../src/stages/privacy/erase.ts';
import type { ApiDriver } from './drivers.ts';
import { type Api, csv, HEADER, line, openApi, openSubmission } from './harness.ts';

const ANA = '52998224725';
const RUI = '11144477735';
const LOJA = '12ABC34501DE35';
const CASA = '00360305000104';
/** A field of each record says which kind its document is. */
const MIXED = { format: 1, document: { kindFrom: { name: 'tipo', cpf: ['F'], cnpj: ['J'] } } };
const row = (ref: string, name: string, cpf: string) => `${ref},${name},${cpf},10.00,2026-03-10\n`;

async function erased(api: Api, wish: EraseWish) {
  const stores = await api.direct();
  try {
    return await erase({ ...stores, clock: api.context.clock }, wish);
  } finally {
    await stores.close();
  }
}

async function piecesWith(api: Api, ...texts: readonly string[]): Promise<string[]> {
  // The log of a database is moved into it when its last process ends.
  await api.restart();
  const found: string[] = [];
  for await (const piece of api.kept())
    for (const text of texts) if (piece.includes(text)) found.push(`${text} in ${piece.slice(0, 120)}`);
  return found;
}

export function describeErasure(driver: ApiDriver): void {
  describe(`an erasure, over ${driver.name}`, () => {
    it('leaves nothing of a person, then nothing of a client but numbers and tombstones', async () => {
      const api = await openApi({ driver });
      const headers = { 'content-type': 'text/csv', 'idempotency-key': 'file-1' };
      const body = HEADER + row('R-1', 'Ana Gonzaga', ANA) + row('R-2', 'Rui Barbosa', RUI);
      const file = await api.call('POST', `/v1/files?file=ana-${ANA}.csv`, { body, headers });
      const kept = await api.call('POST', '/v1/files', {
        body: HEADER + row('R-3', 'Rui Barbosa', RUI),
        headers: { 'content-type': 'text/csv' },
      });
      const lines = await openSubmission(api, { file: `ana ${ANA}.csv` });
      await api.call('POST', `/v1/submissions/${lines}/lines`, {
        json: line('R-4', { debtor_name: 'Ana Gonzaga', cpf: ANA }),
        headers: { 'idempotency-key': 'line-1' },
      });
      const collecting = await openSubmission(api);
      await api.call('POST', `/v1/submissions/${collecting}/lines`, { json: line('R-5', { cpf: '529.982.247-25' }) });
      // What a process left that ended between storing a file and accepting it.
      await api.context.objects.put('raw/acme/u-stray', Buffer.from(body));
      await api.call('POST', '/v1/debts/search', { json: { cpf: ANA }, headers: { 'idempotency-key': 'search-1' } });

      const person = { client: 'acme', document: ANA };
      await expect(erased(api, person)).rejects.toMatchObject({ code: 'ERASURE_BLOCKED' });
      const submitted = await api.call('POST', `/v1/submissions/${lines}/submit`);
      await api.call('DELETE', `/v1/submissions/${collecting}`);
      await api.world.runDry();
      const report = await erased(api, person);
      expect(report).toMatchObject({ state: 'done', counts: { debts: 2, batches: 2, submissions: 1 } });
      expect(await piecesWith(api, ANA, '529.982.247-25', 'Ana Gonzaga')).toEqual([]);
      expect((await api.call('GET', `/v1/submissions/${lines}`)).status).toBe(404);
      for (const id of [file.json.id, submitted.json.id]) {
        expect((await api.call('GET', `/v1/batches/${id}`)).json).toMatchObject({ state: 'completed', file: '' });
        expect(await api.call('GET', `/v1/batches/${id}/retorno`)).toMatchObject({
          status: 410,
          json: { code: 'BATCH_ERASED' },
        });
      }
      expect((await api.call('GET', `/v1/batches/${kept.json.id}/retorno`)).status).toBe(200);
      const search = (cpf: string) => api.call('POST', '/v1/debts/search', { json: { cpf } });
      expect((await search(ANA)).json.items).toEqual([]);
      expect((await search(RUI)).json.items.map((debt) => debt.external_ref).sort()).toEqual(['R-2', 'R-3']);
      // Sent again, it is the same request: it makes no second batch.
      const again = await api.call('POST', `/v1/files?file=ana-${ANA}.csv`, { body, headers });
      expect(again.json.id).toBe(file.json.id);

      const all = await erased(api, { client: 'acme' });
      expect(all.counts).toMatchObject({ keys: 1, debts: expect.any(Number), answers: expect.any(Number) });
      expect(all.counts.answers).toBeGreaterThanOrEqual(3);
      expect(await piecesWith(api, RUI, 'Rui Barbosa', 'file-1')).toEqual([]);
      // It takes a moment until a key that was ended elsewhere counts no more.
      await expect.poll(async () => (await api.call('GET', '/v1/batches')).status).toBe(401);
      const operator = {
        key: api.tokens.operator,
        headers: { 'x-remessa-client': 'acme', 'content-type': 'text/csv' },
      };
      const refused = await api.call('POST', '/v1/files', { ...operator, body: csv('R-9') });
      expect(refused).toMatchObject({ status: 410, json: { code: 'CLIENT_ERASED' } });
      expect((await api.call('GET', '/v1/batches', { key: api.tokens.beta })).status).toBe(200);
    });

    it('of a person with a CNPJ, also one whose debts had a CPF before, takes that one alone', async () => {
      const api = await openApi({ driver });
      const { clients } = api.context;
      await clients.addProfile({ name: 'mixed', version: 1, document: JSON.stringify(MIXED), createdAtMs: 0 });
      const acme = await clients.get('acme');
      if (acme === undefined) throw new Error('the client is there');
      await clients.update({ ...acme, profile: 'mixed' });
      const take = async (...rows: readonly (readonly [string, string, string])[]): Promise<string> => {
        const header = HEADER.replace(',cpf,', ',document,').replace('\n', ',tipo\n');
        const lines = rows.map(([ref, name, document]) => {
          const kind = document.length > ANA.length ? 'J' : 'F';
          return `${ref},${name},${document},10.00,2026-03-10,${kind}\n`;
        });
        const headers = { 'content-type': 'text/csv' };
        const sent = await api.call('POST', '/v1/files', { body: header + lines.join(''), headers });
        await api.world.runDry();
        expect((await api.call('GET', `/v1/batches/${sent.json.id}`)).json.receipt?.lines.rejected).toBe(0);
        return sent.json.id;
      };
      const search = async (json: { readonly cpf: string } | { readonly cnpj: string }): Promise<string[]> =>
        (await api.call('POST', '/v1/debts/search', { json })).json.items.map((debt) => debt.external_ref).sort();

      const others = await take(['R-1', 'Ana Gonzaga', ANA], ['R-2', 'Rui Barbosa', RUI], ['R-5', 'Casa Mar', CASA]);
      const firms = await take(['R-2', 'Loja Sol', '12.ABC.345/01DE-35'], ['R-3', 'Loja Sol', LOJA]);
      expect([await search({ cpf: RUI }), await search({ cnpj: LOJA })]).toEqual([[], ['R-2', 'R-3']]);
      expect([await search({ cpf: ANA }), await search({ cnpj: CASA })]).toEqual([['R-1'], ['R-5']]);

      const report = await erased(api, { client: 'acme', document: LOJA });
      expect(report).toMatchObject({
        state: 'done',
        personText: '**.ABC.345/****-**',
        counts: { debts: 2, batches: 1 },
      });
      expect(await piecesWith(api, LOJA, '12.ABC.345/01DE-35', 'Loja Sol')).toEqual([]);
      expect([await search({ cnpj: LOJA }), await search({ cpf: ANA }), await search({ cnpj: CASA })]).toEqual([
        [],
        ['R-1'],
        ['R-5'],
      ]);
      expect((await api.call('GET', `/v1/batches/${firms}/retorno`)).status).toBe(410);
      expect((await api.call('GET', `/v1/batches/${others}/retorno`)).status).toBe(200);
    });
  });
}
