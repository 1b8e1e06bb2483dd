/**
 * Reads the settings: the environment first, then the settings file, then defaults. The environment is given, never read
 * from the process.
 *
 * Promise: what is unknown, malformed, out of range or contradictory is refused, and all problems are reported at once in
 * one `CONFIG_INVALID`. Nothing is corrected in silence.
 */
import { readFile } from 'node:fs/promises';
import { Fault } from '../core/faults.ts';
import { REGION_KEY } from './awsSettings.ts';
import { settingsProblems, threadsThatFit } from './limits.ts';
import {
  CONFIG_FILE_KEY,
  KEY_PREFIX,
  SETTING_NAMES,
  SETTINGS,
  type SettingName,
  type Settings,
  specOf,
  withDefaults,
} from './schema.ts';
import { readValue } from './text.ts';

export type SettingSource = 'default' | 'environment' | 'file';
export type SettingSources = Readonly<Record<SettingName, SettingSource>>;

export type Environment = Readonly<Record<string, string | undefined>>;

export interface LoadedSettings {
  readonly settings: Settings;
  readonly sources: SettingSources;
}

export interface ConfigInput {
  readonly environment: Environment;
  /** The value of `--config`; it goes before `REMESSA_CONFIG`. */
  readonly configFile?: string | undefined;
  /** Processors this process may use. */
  readonly parallelism: number;
}

/** Loads the settings, reading the settings file where one is named. Faults: `CONFIG_INVALID`. */
export async function loadSettings(input: ConfigInput): Promise<LoadedSettings> {
  const path = input.configFile ?? input.environment[CONFIG_FILE_KEY] ?? '';
  if (path === '') return resolveSettings(input.environment, undefined, input.parallelism);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const problem = `the settings file cannot be read: ${codeOf(error)}`;
    return resolveSettings(input.environment, { problem }, input.parallelism);
  }
  return resolveSettings(input.environment, { text }, input.parallelism);
}

/**
 * Settles every setting. `file` is the text of the settings file (one JSON object, its keys the properties of `Settings`),
 * or why it could not be read. Faults: `CONFIG_INVALID`, with all problems.
 */
export function resolveSettings(
  environment: Environment,
  file: { readonly text: string } | { readonly problem: string } | undefined,
  parallelism: number,
): LoadedSettings {
  const collected: Collected = { given: {}, sources: {}, wrong: new Set(), problems: [] };
  if (file !== undefined) {
    if ('problem' in file) collected.problems.push(file.problem);
    else collectFile(file.text, collected);
  }
  collectEnvironment(environment, collected);
  if (collected.given['driver'] === 'aws') collectRegion(environment, collected);

  let settings = withDefaults(collected.given as Partial<Settings>, parallelism);
  if (collected.given['threads'] === undefined) {
    settings = { ...settings, threads: Math.min(settings.threads, threadsThatFit(settings)) };
  }
  for (const problem of settingsProblems(settings)) {
    // A setting that was refused stands at its default here, and must not be blamed for a contradiction.
    if (!problem.names.some((name) => collected.wrong.has(name))) collected.problems.push(problem.says);
  }
  if (collected.problems.length > 0) throw new Fault('CONFIG_INVALID', collected.problems.join('; '));
  const sources = Object.fromEntries(SETTING_NAMES.map((name) => [name, collected.sources[name] ?? 'default']));
  return { settings, sources: sources as SettingSources };
}

interface Collected {
  readonly given: Partial<Record<SettingName, string | number>>;
  readonly sources: Partial<Record<SettingName, SettingSource>>;
  readonly wrong: Set<SettingName>;
  readonly problems: string[];
}

function take(name: SettingName, written: unknown, source: SettingSource, called: string, into: Collected): void {
  const read = readValue(specOf(name), written);
  if ('problem' in read) {
    into.wrong.add(name);
    into.problems.push(`${called} ${read.problem}`);
    return;
  }
  into.given[name] = read.value;
  into.sources[name] = source;
}

const NAME_OF_KEY: ReadonlyMap<string, SettingName> = new Map(SETTING_NAMES.map((name) => [SETTINGS[name].key, name]));

function collectEnvironment(environment: Environment, into: Collected): void {
  for (const [key, written] of Object.entries(environment)) {
    if (written === undefined || !key.startsWith(KEY_PREFIX)) continue;
    if (key === CONFIG_FILE_KEY) {
      if (written === '') into.problems.push(`${key} is empty; give it a value or leave it out`);
      continue;
    }
    const name = NAME_OF_KEY.get(key);
    if (name === undefined) into.problems.push(`${key} is no setting${suggest(key, [...NAME_OF_KEY.keys()])}`);
    else take(name, written, 'environment', key, into);
  }
}

/** AWS's own variable, where no setting says it. */
function collectRegion(environment: Environment, into: Collected): void {
  const written = environment[REGION_KEY] ?? '';
  if (written === '' || into.given['awsRegion'] !== undefined || into.wrong.has('awsRegion')) return;
  take('awsRegion', written, 'environment', REGION_KEY, into);
}

function collectFile(text: string, into: Collected): void {
  let value: unknown;
  try {
    value = JSON.parse(text.startsWith('\u{feff}') ? text.slice(1) : text);
  } catch {
    into.problems.push('the settings file is not JSON');
    return;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    into.problems.push('the settings file must hold one JSON object');
    return;
  }
  for (const [key, written] of Object.entries(value)) {
    const called = `"${key}" in the settings file`;
    if (Object.hasOwn(SETTINGS, key)) take(key as SettingName, written, 'file', called, into);
    else {
      const property = NAME_OF_KEY.get(key);
      const hint = property === undefined ? suggest(key, SETTING_NAMES) : `; write "${property}"`;
      into.problems.push(`${called} is no setting${hint}`);
    }
  }
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'unknown reason';
}

/** The nearest known name, where one is near enough to be a slip of the fingers. */
function suggest(name: string, known: readonly string[]): string {
  let best = '';
  let bestDistance = Math.min(4, Math.ceil(name.length / 3) + 1);
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best === '' ? '' : `; did you mean ${best}?`;
}

/** Levenshtein's distance; anything from `enough` on is answered as `enough`. */
function editDistance(a: string, b: string, enough: number): number {
  if (Math.abs(a.length - b.length) >= enough) return enough;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return Math.min(enough, row[b.length] ?? enough);
}
