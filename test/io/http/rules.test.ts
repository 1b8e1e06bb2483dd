/** The rules service over real HTTP: what it may answer, and that nothing it does is more than a failure with a reason. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openRulesService, type RulesOptions } from '../../../src/io/http/rules.ts';
import type { RulesService } from '../../../src/io/ports/rules.ts';
import { RULES_FAULTS, type RulesManner, RulesServer } from '../../support/rulesServer.ts';

const SUBJECT = { client: 'acme', profile: 'erp' };
const TOKEN = 'Bearer not-to-be-seen';

let server: RulesServer;
const opened: RulesService[] = [];

beforeEach(async () => {
  server = await RulesServer.start();
});
afterEach(async () => {
  for (const service of opened.splice(0)) await service.close();
  await server.close();
});

function service(change: Partial<RulesOptions> = {}): RulesService {
  const made = openRulesService({
    template: `${server.origin}/c/{client}/p/{profile}?key=hidden`,
    header: 'Authorization',
    token: TOKEN,
    answerMs: 10_000,
    bytesMax: 1024,
    connections: 4,
    userAgent: 'test',
    ...change,
  });
  opened.push(made);
  return made;
}

describe('a document', () => {
  it('is asked for by client and profile, with the token, and comes with its ETag', async () => {
    server.give({ format: 1, encoding: 'windows-1252' }, 'W/"7"');
    const text = '{"format":1,"encoding":"windows-1252"}';
    expect(await service().ask(SUBJECT, null)).toEqual({ kind: 'document', text, etag: 'W/"7"' });
    expect(server.asked).toEqual([{ path: '/c/acme/p/erp?key=hidden', condition: null, token: TOKEN }]);
  });

  it('is asked for under the condition of the ETag that is known', async () => {
    expect(await service().ask(SUBJECT, '"1"')).toEqual({ kind: 'unchanged' });
    server.give({ format: 1 }, '"2"');
    expect(await service().ask(SUBJECT, '"1"')).toEqual({ kind: 'document', text: '{"format":1}', etag: '"2"' });
    expect(server.asked.map(({ condition }) => condition)).toEqual(['"1"', '"1"']);
  });

  it.each(['no quotes', `"${'x'.repeat(201)}"`])('is taken without an ETag that is none (%#)', async (etag) => {
    server.give({ format: 1 }, etag);
    expect(await service().ask(SUBJECT, null)).toMatchObject({ kind: 'document', etag: null });
  });

  it('may have just as many bytes as the limit says', async () => {
    const bytes = '{"format":1}'.length;
    expect((await service({ bytesMax: bytes }).ask(SUBJECT, null)).kind).toBe('document');
    expect((await service({ bytesMax: bytes - 1 }).ask(SUBJECT, null)).kind).toBe('failed');
  });

  it.each(['absent', 'gone'] as const)('that is %s is no failure', async (manner) => {
    server.manner = manner;
    expect(await service().ask(SUBJECT, '"1"')).toEqual({ kind: 'absent' });
  });

  it('goes by the header that is named, and without one where there is no token', async () => {
    await service({ header: 'x-token', token: 'abc' }).ask(SUBJECT, null);
    await service({ token: '' }).ask(SUBJECT, null);
    expect(server.asked.map(({ token }) => token)).toEqual(['abc', null]);
  });
});

describe('a service that fails', () => {
  const reasons: Readonly<Record<string, RegExp>> = {
    slow: /^no whole answer within 150 ms$/,
    stalls: /^no whole answer within 150 ms$/,
    drips: /^no whole answer within 150 ms$/,
    cut: /^UND_ERR_SOCKET$|^ECONNRESET$/,
    reset: /^UND_ERR_SOCKET$|^ECONNRESET$/,
    fails: /^status 503$/,
    denies: /^status 401$/,
    redirects: /^status 302; redirects are not followed$/,
    binary: /^the document is not UTF-8$/,
    large: /^the document has more than 1024 bytes$/,
    endless: /^the document has more than 1024 bytes$/,
    packed: /^the document is encoded/,
    headers: /^UND_ERR_HEADERS_OVERFLOW$|^HPE_HEADER_OVERFLOW$/,
    unasked: /^status 304, though no version is known$/,
  };

  it.each(
    Object.keys(reasons),
  )('(%s) is told from one that answers, with the reason and nothing else', async (manner) => {
    server.manner = manner as RulesManner;
    const impatient = ['slow', 'stalls', 'drips'].includes(manner);
    const answer = await service(impatient ? { answerMs: 150 } : {}).ask(SUBJECT, null);
    expect(answer).toEqual({ kind: 'failed', reason: expect.stringMatching(reasons[manner] as RegExp) });
    // The next one is not the worse for it.
    server.manner = 'well';
    expect((await service().ask(SUBJECT, null)).kind).toBe('document');
    expect(server.asked.map(({ path }) => path)).not.toContain('/elsewhere');
  });

  it('has every fault of the server in that table, or in what is checked of documents', () => {
    expect([...Object.keys(reasons), 'rubbish', 'invalid'].sort()).toEqual([...RULES_FAULTS, 'unasked'].sort());
  });

  it('is one that is not there, or whose name is none', async () => {
    await server.close();
    expect(await service().ask(SUBJECT, null)).toEqual({ kind: 'failed', reason: 'ECONNREFUSED' });
    const nowhere = await service({ template: 'http://rules.invalid/{profile}', answerMs: 300 }).ask(SUBJECT, null);
    expect(nowhere.kind).toBe('failed');
  });

  it('is told when the asking is over because the process ends', async () => {
    server.manner = 'slow';
    const closing = service();
    const asking = closing.ask(SUBJECT, null);
    await closing.close();
    expect((await asking).kind).toBe('failed');
  });
});

describe('what people see of it', () => {
  it('is where it is asked, without what may be a key', () => {
    expect(service().urlOf(SUBJECT)).toBe(`${server.origin}/c/acme/p/erp`);
  });

  it('tells whether documents differ by client', () => {
    expect(service().perClient).toBe(true);
    expect(service({ template: `${server.origin}/{profile}` }).perClient).toBe(false);
  });
});
