import { describe, expect, it } from 'vitest';
import { SETTING_NAMES, SETTINGS } from '../../src/config/schema.ts';
import { Fault } from '../../src/core/faults.ts';
import { clientRecord, MemoryOutput, storedDebt, TestWorld, VALID_CPF } from './world.ts';

const COMMANDS = [
  'serve',
  'ingest',
  'batches',
  'batch',
  'rejects',
  'resubmit',
  'retorno',
  'debts',
  'clients',
  'keys',
  'fixture',
  'config',
];

describe('help and version', () => {
  it('names every command, exits 0, and needs no configuration', async () => {
    const world = new TestWorld();
    world.environment = { REMESSA_THREADS: 'wrong' };
    const { code, out, err } = await world.run('--help');
    expect({ code, err, contexts: world.contexts }).toEqual({ code: 0, err: '', contexts: 0 });
    for (const command of COMMANDS) expect(out).toMatch(new RegExp(`^  ${command}\\b`, 'm'));
  });

  it.each(COMMANDS)('%s --help exits 0 on stdout', async (command) => {
    const { code, out, err } = await new TestWorld().run(command, '--help');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(new RegExp(`^Usage: remessa ${command}\\b`));
  });

  it('says which options cannot be left out', async () => {
    const { out } = await new TestWorld().run('ingest', '--help');
    expect(out).toMatch(/--client <id> .*\(required\)$/m);
    expect(out.match(/\(required\)/g)).toHaveLength(1);
  });

  it('prints the version', async () => {
    expect(await new TestWorld().run('--version')).toEqual({ code: 0, out: '1.2.3\n', err: '' });
  });
});

describe('wrong usage', () => {
  it.each<[string, string[], RegExp]>([
    ['an unknown command', ['batchs'], /^remessa: unknown command 'batchs'\n\(Did you mean one of batch, batches\?\)/],
    ['an unknown option', ['batches', '--stat', 'x'], /^remessa: unknown option '--stat'\n\(Did you mean --state\?/],
    ['a missing argument', ['batch'], /^remessa: missing required argument 'id'/],
    ['too many arguments', ['batch', 'a', 'b'], /^remessa: too many arguments/],
    ['a missing option', ['debts'], /^remessa: required option '--client <id>' not specified/],
    ['a value of no choice', ['batches', '--state', 'sleeping'], /^remessa: .*Allowed choices are accepted, picking/],
    ['a limit of 0', ['batches', '--limit', '0'], /^remessa: .*It must be from 1 to 10000\./],
    ['a limit with a fraction', ['batches', '--limit', '1.5'], /^remessa: .*It must be from 1 to 10000\./],
    ['an option without its value', ['retorno', 'b', '--out'], /^remessa: option '--out <file>' argument missing/],
    ['an unknown subcommand', ['clients', 'ad'], /^remessa: unknown command 'ad'/],
    ['no command', [], /^Usage: remessa/],
    ['no subcommand', ['clients'], /^Usage: remessa clients/],
  ])('%s exits 2 and says so on stderr', async (_what, argv, says) => {
    const world = new TestWorld();
    const { code, out, err } = await world.run(...argv);
    expect({ code, out, opened: world.opened }).toEqual({ code: 2, out: '', opened: [] });
    expect(err).toMatch(says);
  });

  it.each([
    [['debts', '--client', 'acme', `--cfp=${VALID_CPF}`]],
    [['debts', '--client', 'acme', '529.982.247-25']],
    [['debts', '--client', 'acme', '--cpf', `${VALID_CPF}9`]],
    [['debts', '--client', VALID_CPF]],
    [[VALID_CPF]],
    [['batches', '--limit', VALID_CPF]],
    [['batch', VALID_CPF]],
  ])('%j repeats no CPF', async (argv) => {
    const { code, out, err } = await new TestWorld().run(...argv);
    expect(code).not.toBe(0);
    expect(err).toMatch(/^remessa: /);
    expect((out + err).replace(/\D/g, '')).not.toContain(VALID_CPF);
  });
});

describe('faults', () => {
  it('exit 2 where the configuration is wrong, with every problem on stderr', async () => {
    const world = new TestWorld();
    world.environment = { REMESSA_THREADS: 'x', REMESSA_NONE: '1' };
    const { code, out, err } = await world.run('batches');
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(/^remessa: CONFIG_INVALID: .*REMESSA_THREADS.*REMESSA_NONE.*\n$/);
  });

  it('exit 2 where the client is unknown, 1 where the batch is', async () => {
    const world = new TestWorld();
    const client = await world.run('debts', '--client', 'nobody');
    expect(client.code).toBe(2);
    expect(client.err).toMatch(/^remessa: CLIENT_UNKNOWN: .*client nobody/);
    const batch = await world.run('batch', 'b-none');
    expect(batch.code).toBe(1);
    expect(batch.err).toMatch(/^remessa: BATCH_UNKNOWN: /);
    expect(world.closed).toBe(2);
  });

  it('keep the numbers that are ours and hide those that may be a CPF', async () => {
    const world = new TestWorld();
    const failing = (fault: unknown) => {
      world.stores = () => {
        throw fault;
      };
      return world.run('batches');
    };
    expect((await failing(new Fault('TOO_MANY_RECORDS', '1234567890 of at most 999999999'))).err).toContain(
      '1234567890',
    );
    expect((await failing(new Fault('COLUMN_UNKNOWN', `column ${VALID_CPF}`))).err).toContain('column ***');
    const system = Object.assign(new Error(`EACCES: permission denied, open '/x/${VALID_CPF}'`), {
      code: 'EACCES',
      syscall: 'open',
    });
    expect(await failing(system)).toEqual({
      code: 1,
      out: '',
      err: "remessa: EACCES: permission denied, open '/x/***'\n",
    });
    const bug = await failing(new TypeError(`x of ${VALID_CPF}`));
    expect(bug.code).toBe(1);
    expect(bug.err).toMatch(/^remessa: TypeError: x of \*\*\*\n +at /);
  });
});

describe('outputs that are closed', () => {
  it('end the command quietly, with the stores closed', async () => {
    const world = new TestWorld();
    world.held.clients.push(clientRecord());
    for (let i = 0; i < 3000; i++) world.held.debts.push(storedDebt({ externalRef: `R-${i}` }));
    const stdout = new MemoryOutput({ writesMax: 1 });
    const ran = await world.runOn(stdout, new MemoryOutput(), ['debts', '--client', 'acme']);
    expect({ code: ran.code, err: ran.err, closed: world.closed }).toEqual({ code: 0, err: '', closed: 1 });
    expect(stdout.writes).toBe(1);
  });

  it('do not hide a failure behind a closed stderr', async () => {
    const world = new TestWorld();
    const ran = await world.runOn(new MemoryOutput(), new MemoryOutput({ writesMax: 0 }), ['batch', 'b-none']);
    expect(ran.code).toBe(1);
  });

  it('end help quietly too', async () => {
    const world = new TestWorld();
    const ran = await world.runOn(new MemoryOutput({ writesMax: 0 }), new MemoryOutput(), ['--help']);
    expect(ran.code).toBe(0);
  });
});

describe('an interrupt', () => {
  it('stops a long listing and exits 130', async () => {
    const world = new TestWorld();
    world.held.clients.push(clientRecord());
    world.held.debts.push(storedDebt());
    world.abort.abort();
    expect(await world.run('debts', '--client', 'acme')).toEqual({ code: 130, out: '', err: '' });
    expect(world.closed).toBe(1);
  });
});

describe('config', () => {
  it('shows every setting with its source, range, default and meaning', async () => {
    const world = new TestWorld();
    world.environment = { REMESSA_RANGE_BYTES: '1MiB' };
    // The test world takes the text of the file in place of its name.
    const { code, out } = await world.run('config', '--json', '--config', '{"leaseMs": 60000}');
    expect(code).toBe(0);
    const rows = JSON.parse(out) as { property: keyof typeof SETTINGS }[];
    expect(rows.map((row) => row.property)).toEqual(SETTING_NAMES);
    const row = (name: string) => rows.find((each) => each.property === name);
    expect(row('rangeBytes')).toEqual({
      key: 'REMESSA_RANGE_BYTES',
      property: 'rangeBytes',
      value: 1024 * 1024,
      source: 'environment',
      unit: 'bytes',
      range: '64KiB to 256MiB',
      default: '8MiB',
      meaning: SETTINGS.rangeBytes.means,
    });
    expect(row('leaseMs')).toMatchObject({ value: 60_000, source: 'file', unit: 'ms' });
    expect(row('heartbeatMs')).toMatchObject({ value: 20_000, source: 'default', default: 'a third of the lease' });
  });

  it('is a table for people', async () => {
    const { out } = await new TestWorld().run('config');
    const lines = out.trimEnd().split('\n');
    expect(lines).toHaveLength(SETTING_NAMES.length + 1);
    expect(lines[0]).toMatch(/^setting +value +source +unit +range +default +meaning$/);
    expect(out).toMatch(/^REMESSA_RANGE_BYTES +8MiB +default +bytes +64KiB to 256MiB +8MiB +\S/m);
  });

  it('takes --config before the command too', async () => {
    const { out } = await new TestWorld().run('--config', '{"threads": 1}', 'config');
    expect(out).toMatch(/^REMESSA_THREADS +1 +file/m);
  });
});
