/** The command line of `npm run soak`. */
import { parseArgs } from 'node:util';
import { WrongUsage } from '../options.ts';

export interface SoakOptions {
  /** How long files are sent; what was sent is then finished and judged. */
  readonly seconds: number;
  readonly driver: 'embedded' | 'aws';
  /** In this process (npm packages), or AWS's DynamoDB Local and moto, in processes of their own. */
  readonly servers: 'npm' | 'real';
  /** On average; 0 for none. */
  readonly killEverySeconds: number;
  readonly faults: boolean;
  readonly seed: number;
  readonly clients: number;
  /** Sent on average, at most; 0 for as many as the daemon takes. */
  readonly linesPerSecondMax: number;
  /** Of a client's largest files. */
  readonly giantLines: number;
  /** Settings of the daemon, over those that a soak has. */
  readonly set: Readonly<Record<string, string>>;
  readonly svg: string | undefined;
  readonly json: string | undefined;
  readonly help: boolean;
}

export const HELP = `npm run soak -- [options]

Runs the daemon for a time under a mixed load: per client many files of a line or a few, some of a thousand lines and
now and then a giant, most of them corrected editions of earlier ones; one client by a profile of its own, and another that
works over the API: submissions, files, dry runs, cancellations. Then everything that was sent is finished, and judged:
each line's outcome, the receipts, the stored debts, what is left over, and whether memory, descriptors and sockets were flat.

  --seconds N            how long files are sent (default 60)
  --driver D             embedded or aws (default embedded)
  --servers S            of aws: npm (fauxqs and dynalite, in this process) or real (DynamoDB Local and moto; run
                         \`npm run aws-servers\` first) (default npm)
  --kill-every SECONDS   kill -9 the daemon that often, on average (default 0: never)
  --faults               on aws: calls fail, answers are lost, messages come twice
  --seed S               of files, kills and faults (default 1)
  --clients N            (default 4)
  --lines-per-second N   send no faster; 0 for as fast as they are taken (default 50000 on embedded, 0 on aws)
  --giant-lines N        lines of the largest files (default 100000)
  --set KEY=VALUE        a setting of the daemon, as REMESSA_THREADS=4; may be given again
  --svg FILE             the curves
  --json FILE            the verdict and every sample
  --help

Ctrl-C stops sending: what was sent is finished and judged. A second one ends at once.
Exit 0 clean and flat (or too short to tell), 1 not, 2 wrong usage.
`;

export function parseSoakOptions(args: readonly string[]): SoakOptions {
  const values = parse(args);
  const driver = oneOf('driver', values.driver ?? 'embedded', ['embedded', 'aws'] as const);
  const faults = values.faults === true;
  if (driver === 'embedded' && faults) throw new WrongUsage('--faults needs --driver aws');
  if (driver === 'embedded' && values.servers !== undefined) throw new WrongUsage('--servers needs --driver aws');
  return {
    seconds: whole('seconds', values.seconds, 60, 1),
    driver,
    servers: oneOf('servers', values.servers ?? 'npm', ['npm', 'real'] as const),
    killEverySeconds: whole('kill-every', values['kill-every'], 0, 0),
    faults,
    seed: whole('seed', values.seed, 1, 0),
    clients: whole('clients', values.clients, 4, 1),
    linesPerSecondMax: whole('lines-per-second', values['lines-per-second'], driver === 'embedded' ? 50_000 : 0, 0),
    giantLines: whole('giant-lines', values['giant-lines'], 100_000, 1),
    set: Object.fromEntries((values.set ?? []).map(setting)),
    svg: values.svg,
    json: values.json,
    help: values.help === true,
  };
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      args: [...args],
      options: {
        seconds: text,
        driver: text,
        servers: text,
        'kill-every': text,
        faults: flag,
        seed: text,
        clients: text,
        'lines-per-second': text,
        'giant-lines': text,
        set: { type: 'string', multiple: true },
        svg: text,
        json: text,
        help: flag,
      },
    }).values;
  } catch (error) {
    throw new WrongUsage(error instanceof Error ? error.message : String(error));
  }
}

function setting(given: string): [string, string] {
  const [, key, value] = /^(REMESSA_[A-Z0-9_]+)=(.*)$/s.exec(given) ?? [];
  if (key === undefined || value === undefined) throw new WrongUsage('--set must be REMESSA_…=VALUE');
  return [key, value];
}

function whole(name: string, given: string | undefined, byDefault: number, min: number): number {
  if (given === undefined) return byDefault;
  const value = Number(given);
  if (!/^[0-9]{1,9}$/.test(given) || value < min) throw new WrongUsage(`--${name} must be a whole number from ${min}`);
  return value;
}

function oneOf<T extends string>(name: string, given: string, values: readonly T[]): T {
  const found = values.find((value) => value === given);
  if (found === undefined) throw new WrongUsage(`--${name} must be ${values.join(' or ')}`);
  return found;
}
