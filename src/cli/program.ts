/**
 * The command line as a whole: parses the arguments, runs one command and answers the exit code.
 *
 * Promises: standard output holds only what a command prints; every error is one text on stderr, without what might be a
 * CPF; `--help` and `--version` need no valid configuration; a reader that closes the pipe ends the command quietly.
 * Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted; a command may answer others.
 */
import { Command, CommanderError, Help, type Option } from 'commander';
import type { SettingSources } from '../config/load.ts';
import { assert } from '../core/assert.ts';
import { isFault } from '../core/faults.ts';
import { maskDigits } from '../core/telemetry.ts';
import { addAnswerCommands } from './answers.ts';
import { addBatchCommand } from './batch.ts';
import { addBatchesCommand } from './batches.ts';
import { addClientsCommand } from './clients.ts';
import { addConfigCommand } from './config.ts';
import type { CliContext, Output } from './context.ts';
import { addDebtsCommand } from './debts.ts';
import { addDeliveriesCommand } from './deliveries.ts';
import { addEraseCommand } from './erase.ts';
import { errorText, exitCodeOf, isClosedPipe } from './faultText.ts';
import { addFixtureCommand } from './fixture.ts';
import { addHoldCommand } from './hold.ts';
import { addIngestCommand } from './ingest.ts';
import { addKeysCommand } from './keys.ts';
import { addProfilesCommand } from './profiles.ts';
import { addProvisionCommand } from './provision.ts';
import { addQueuesCommand } from './queues.ts';
import { addRangesCommand } from './ranges.ts';
import { addServeCommand } from './serve.ts';
import { addApproveCommand, addCancelCommand, addDiscardCommand, addRedriveCommand } from './steer.ts';

const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

export interface MadeContext {
  readonly context: CliContext;
  readonly sources: SettingSources;
}

/** What the program needs before any command runs. */
export interface ProgramWorld {
  readonly version: string;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Loads the configuration and makes what commands use; called once, and only when a command is about to run. */
  makeContext(options: { readonly configFile: string | undefined }): Promise<MadeContext>;
}

/** Runs one command line (`argv` without the interpreter and the script); answers the exit code and never throws. */
export async function runProgram(argv: readonly string[], world: ProgramWorld): Promise<number> {
  let exitCode = 0;
  const writes: Promise<void>[] = [];
  const program = buildProgram(world, {
    exit: (code) => {
      exitCode = code;
    },
    // Commander writes without waiting; what it wrote is waited for below.
    write: (output, text) => void writes.push(output.write(text)),
  });
  try {
    try {
      await program.parseAsync([...argv], { from: 'user' });
    } finally {
      await Promise.all(writes);
    }
    return exitCode;
  } catch (error) {
    return await reportError(error, world.stderr);
  }
}

async function reportError(error: unknown, stderr: Output): Promise<number> {
  if (error instanceof CommanderError) return exitCodeOfCommander(error);
  if (isClosedPipe(error)) return 0;
  if (error instanceof Error && error.name === 'AbortError') return EXIT_INTERRUPTED;
  const code = isFault(error) ? exitCodeOf(error) : 1;
  try {
    await stderr.write(errorText(error));
  } catch (writing) {
    // Nobody reads stderr any more: the exit code still tells.
    if (!isClosedPipe(writing)) throw writing;
  }
  return code;
}

/** Commander has printed its text already. Help that was not asked for answers a missing command: wrong usage. */
function exitCodeOfCommander(error: CommanderError): number {
  return error.code === 'commander.helpDisplayed' || error.code === 'commander.version' ? 0 : EXIT_USAGE;
}

export interface ProgramHooks {
  exit(code: number): void;
  write(output: Output, text: string): void;
}

/** The commands, each registered by its own file. Faults and `CommanderError` come out of `parseAsync`. */
export function buildProgram(world: ProgramWorld, hooks: ProgramHooks): Command {
  let made: MadeContext | undefined;
  const ready = (): MadeContext => {
    assert(made !== undefined, 'the context is made before a command runs');
    return made;
  };

  const program = new Command('remessa')
    .description('Takes in files of overdue debts, accounts for every line, and registers each debt exactly once.')
    .version(world.version, '-V, --version', 'print the version')
    .option('--config <file>', 'a JSON file of settings; REMESSA_* variables go before it')
    .helpOption('-h, --help', 'print help')
    .configureHelp({ optionDescription: described })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => hooks.write(world.stdout, text),
      writeErr: (text) => hooks.write(world.stderr, text),
      // What was typed may hold a CPF, in an option as well as in a place where no option is expected.
      outputError: (text, write) => write(maskDigits(text.replace(/^error: /, 'remessa: '))),
      getOutHelpWidth: () => world.stdout.columns,
      getErrHelpWidth: () => world.stderr.columns,
      getOutHasColors: () => world.stdout.isTerminal,
      getErrHasColors: () => world.stderr.isTerminal,
    })
    .showHelpAfterError('(see --help)')
    .hook('preAction', async (self) => {
      made = await world.makeContext({ configFile: self.opts<{ config?: string }>().config });
    });

  const context = deferred(ready);
  const exit = hooks.exit;
  addServeCommand(program, context, exit);
  addIngestCommand(program, context, exit);
  addBatchesCommand(program, context, exit);
  addBatchCommand(program, context, exit);
  addRangesCommand(program, context, exit);
  addAnswerCommands(program, context, exit);
  addDebtsCommand(program, context, exit);
  addQueuesCommand(program, context, exit);
  addCancelCommand(program, context, exit);
  addApproveCommand(program, context, exit);
  addDiscardCommand(program, context, exit);
  addRedriveCommand(program, context, exit);
  addDeliveriesCommand(program, context, exit);
  addClientsCommand(program, context, exit);
  addProfilesCommand(program, context, exit);
  addKeysCommand(program, context, exit);
  addEraseCommand(program, context, exit);
  addHoldCommand(program, context, exit);
  addProvisionCommand(program, context, exit);
  addFixtureCommand(program, context, exit);
  addConfigCommand(program, context, exit, () => ready().sources);
  return program;
}

/** Of an option in the help: what it says, and whether it can be left out. */
function described(option: Option): string {
  const text = new Help().optionDescription(option);
  return option.mandatory ? `${text} (required)` : text;
}

/** A context that is there when commands are registered and looks the real one up when a command runs. */
function deferred(ready: () => MadeContext): CliContext {
  return {
    get settings() {
      return ready().context.settings;
    },
    get clock() {
      return ready().context.clock;
    },
    get random() {
      return ready().context.random;
    },
    get stdin() {
      return ready().context.stdin;
    },
    get stdout() {
      return ready().context.stdout;
    },
    get stderr() {
      return ready().context.stderr;
    },
    get signal() {
      return ready().context.signal;
    },
    openStores: (...args) => ready().context.openStores(...args),
    startEngine: (...args) => ready().context.startEngine(...args),
    openProvisioning: () => ready().context.openProvisioning(),
    startScratchEngine: (...args) => ready().context.startScratchEngine(...args),
  };
}
