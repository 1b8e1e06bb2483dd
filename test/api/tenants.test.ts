/** Two clients over every route, over the data folder; and what tells them apart. */
import { describe, expect, it } from 'vitest';
import { EMBEDDED } from './drivers.ts';
import { closesApis, csv, openApi } from './harness.ts';
import { describeOwners, describeTenants } from './tenants.contract.ts';

closesApis();
describeTenants(EMBEDDED, 16);
describeOwners(EMBEDDED);

describe('two clients', () => {
  // threat 5
  it('are told apart by their keys, never by what they name', async () => {
    const api = await openApi();
    const sent = await api.call('POST', '/v1/files', { body: csv('a'), headers: { 'content-type': 'text/csv' } });
    const named = { 'x-remessa-client': 'acme' };
    const other = await api.call('GET', `/v1/batches/${sent.json.id}`, { key: api.tokens.beta, headers: named });
    expect(other).toMatchObject({ status: 403, json: { code: 'FORBIDDEN' } });
    const unknown = await api.call('GET', `/v1/batches/${sent.json.id}`, { key: api.tokens.beta });
    const none = await api.call('GET', '/v1/batches/b-0000000000000000', { key: api.tokens.beta });
    expect(unknown.text).toBe(none.text);
    expect(unknown.status).toBe(404);
  });
});
