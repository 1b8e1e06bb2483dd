/**
 * `remessa serve`: the daemon. Runs the roles asked for until it is told to end, then drains: it receives nothing new,
 * finishes what is in hand or gives it back, and exits 0.
 */
import { type Command, InvalidArgumentError } from 'commander';
import { Fault } from '../core/faults.ts';
import { isRole, ROLES, type Role } from '../roles/roles.ts';
import { giveSignOfLife } from './alive.ts';
import type { CliContext } from './context.ts';

export function addServeCommand(program: Command, context: CliContext, exit: (code: number) => void): void {
  program
    .command('serve')
    .description('run the daemon: the input API, and files dropped in inbox/<client>/ of the data folder')
    .option('--roles <names>', `the roles to run, separated by commas: ${ROLES.join(', ')}`, roleNames, [...ROLES])
    .option('--alive-file <file>', 'a file whose time is renewed while the daemon lives, for health checks')
    .action(async (options: { readonly roles: readonly Role[]; readonly aliveFile?: string }) => {
      const { signal, clock, stderr } = context;
      const tell = (text: string): void => void stderr.write(text).catch(() => {});
      const alive = options.aliveFile === undefined ? undefined : await giveSignOfLife(options.aliveFile, clock, tell);
      try {
        const engine = await context.startEngine(options.roles, { log: context.settings.logLevel, listen: true });
        if (engine === undefined) throw new Fault('FOLDER_LOCKED', context.settings.dataDir);
        if (!signal.aborted)
          await new Promise<void>((ended) => signal.addEventListener('abort', () => ended(), { once: true }));
        await engine.stop();
      } finally {
        await alive?.stop();
      }
      exit(0);
    });
}

function roleNames(value: string): Role[] {
  const names = value.split(',').map((name) => name.trim());
  const roles = names.filter(isRole);
  if (roles.length === 0 || roles.length < names.length) {
    throw new InvalidArgumentError(`Roles are ${ROLES.join(', ')}.`);
  }
  return roles;
}
