import { describe, expect, it } from 'vitest';
import { clientRecord, TestWorld } from './world.ts';

describe('clients add', () => {
  it('adds a client with exact bounds', async () => {
    const world = new TestWorld();
    const argv = ['clients', 'add', 'acme', '--name', ' Acme Ltda ', '--amount-min', '10', '--amount-max', '5000.5'];
    expect(await world.run(...argv)).toEqual({ code: 0, out: '', err: 'client acme added\n' });
    expect(world.opened).toEqual(['write']);
    expect(world.closed).toBe(1);
    expect(world.held.clients).toEqual([
      clientRecord({ amountCentsMin: 1000, amountCentsMax: 500_050, createdAtMs: world.clock.nowMs() }),
    ]);
  });

  it('bounds amounts by what any amount may be, where nothing is said', async () => {
    const world = new TestWorld();
    await world.run('clients', 'add', 'acme', '--name', 'Acme');
    expect(world.held.clients[0]).toMatchObject({ amountCentsMin: 1, amountCentsMax: 999_999_999_999_999 });
  });

  it('leaves one that exists as it is, and says so', async () => {
    const world = new TestWorld();
    world.held.clients.push(clientRecord());
    const { code, err } = await world.run('clients', 'add', 'acme', '--name', 'Another');
    expect(code).toBe(2);
    expect(err).toMatch(/client acme exists already/);
    expect(world.held.clients).toEqual([clientRecord()]);
  });

  it.each([
    [['Acme', '--name', 'x']],
    [['-acme', '--name', 'x']],
    [['a'.repeat(41), '--name', 'x']],
    [['../a', '--name', 'x']],
    [['acme', '--name', '  ']],
    [['acme', '--name', 'x'.repeat(121)]],
    [['acme', '--name', 'a\u{1b}[2J']],
    [['acme', '--name', 'x', '--amount-min', '0']],
    [['acme', '--name', 'x', '--amount-min', '1,50']],
    [['acme', '--name', 'x', '--amount-max', '10000000000000']],
    [['acme', '--name', 'x', '--amount-min', '10', '--amount-max', '9.99']],
    [['acme', '--name', 'x', '--language', 'pt']],
    [['acme']],
  ])('refuses %j', async (argv) => {
    const world = new TestWorld();
    const { code, err } = await world.run('clients', 'add', ...argv);
    expect({ code, clients: world.held.clients, opened: world.opened }).toEqual({ code: 2, clients: [], opened: [] });
    expect(err).toMatch(/^remessa: /);
  });
});

describe('clients list and show', () => {
  it('list all, as a table or JSON', async () => {
    const world = new TestWorld();
    expect((await world.run('clients', 'list')).out).toBe('');
    world.held.clients.push(
      clientRecord(),
      clientRecord({ id: 'b', name: 'Bê', amountCentsMin: 1050, language: 'pt-BR' }),
    );
    expect((await world.run('clients', 'list')).out.split('\n')).toEqual([
      'id    profile  amount min  amount max        language  created at                name',
      'acme  default  0.01        9999999999999.99  en        2026-01-02T00:00:00.000Z  Acme Ltda',
      'b     default  10.50       9999999999999.99  pt-BR     2026-01-02T00:00:00.000Z  Bê',
      '',
    ]);
    expect(JSON.parse((await world.run('clients', 'list', '--json')).out)).toHaveLength(2);
    expect(world.opened).toEqual(['read', 'read', 'read']);
  });

  it('show one', async () => {
    const world = new TestWorld();
    world.held.clients.push(clientRecord());
    expect(JSON.parse((await world.run('clients', 'show', 'acme')).out)).toEqual({
      id: 'acme',
      name: 'Acme Ltda',
      profile: 'default',
      amountMin: '0.01',
      amountMax: '9999999999999.99',
      language: 'en',
      createdAt: '2026-01-02T00:00:00.000Z',
    });
    expect((await world.run('clients', 'show', 'nobody')).code).toBe(2);
  });
});

describe('clients set', () => {
  it('changes what is named and keeps the rest', async () => {
    const world = new TestWorld();
    world.held.clients.push(clientRecord());
    expect((await world.run('clients', 'set', 'acme', '--amount-max', '99.99')).code).toBe(0);
    expect(world.held.clients).toEqual([clientRecord({ amountCentsMax: 9999 })]);
    expect((await world.run('clients', 'set', 'acme', '--name', 'New', '--amount-min', '5')).code).toBe(0);
    expect(world.held.clients).toEqual([clientRecord({ name: 'New', amountCentsMin: 500, amountCentsMax: 9999 })]);
    expect(world.opened).toEqual(['write', 'write']);
  });

  it('changes the language of the answers', async () => {
    const world = new TestWorld();
    world.held.clients.push(clientRecord());
    expect((await world.run('clients', 'set', 'acme', '--language', 'pt-BR')).code).toBe(0);
    expect(world.held.clients).toEqual([clientRecord({ language: 'pt-BR' })]);
    const refused = await world.run('clients', 'set', 'acme', '--language', 'pt');
    expect([refused.code, refused.err]).toEqual([2, expect.stringMatching(/--language takes en or pt-BR/)]);
  });

  it('checks new bounds against the old ones', async () => {
    const world = new TestWorld();
    world.held.clients.push(clientRecord({ amountCentsMax: 1000 }));
    const { code, err } = await world.run('clients', 'set', 'acme', '--amount-min', '10.01');
    expect(code).toBe(2);
    expect(err).toMatch(/least amount \(10\.01\) is above the greatest \(10\.00\)/);
    expect(world.held.clients).toEqual([clientRecord({ amountCentsMax: 1000 })]);
  });

  it('wants a change, and a client that is there', async () => {
    const world = new TestWorld();
    expect((await world.run('clients', 'set', 'acme')).code).toBe(2);
    expect((await world.run('clients', 'set', 'acme', '--name', 'x')).err).toMatch(/CLIENT_UNKNOWN/);
  });
});
