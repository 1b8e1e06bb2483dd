/**
 * Loads modules of the operator's in a worker thread, and hands them to the kernel.
 *
 * Promises
 * - What runs is the very text of which the version was taken, its imports included: files that change while they are read, or
 *   after, change nothing. A version that was loaded stays for the life of the thread; another one is loaded beside it.
 * - A module imports files of its folder and what Node itself has (`node:…`), nothing else.
 * - What a module says (`console`) goes nowhere: it may quote records, and standard output has its own readers.
 *
 * A module is no sandbox: it runs with the rights of the engine. What bounds it is that it is watched (`moduleWatch.ts`).
 *
 * Faults: `CODE_UNKNOWN`, `CODE_INVALID`, `CODE_CHANGED`.
 */
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { detail } from '../core/catalogue.ts';
import { RECORD_CODES } from '../core/codes.ts';
import { Fault } from '../core/faults.ts';
import { LANGUAGES, type Texts } from '../core/language.ts';
import {
  MODULE_CODE,
  MODULE_CODES_MAX,
  MODULE_RECORDS_MAX,
  type ModuleCode,
  type ModuleInput,
  type ModulePlan,
  type RecordModule,
} from '../kernel/modules/interface.ts';
import { type ModuleSource, readModuleSource } from './moduleSource.ts';
import { WatchedSide } from './moduleWatch.ts';

/** What a module declares beside its function: what the picker freezes. Plain data. */
export type ModuleDeclaration = Pick<ModulePlan, 'name' | 'version' | 'recordsMax' | 'rejects'>;

export interface LoadedModule {
  readonly declared: ModuleDeclaration;
  /** As the kernel calls it, watched over the shared memory. */
  watched(watch: SharedArrayBuffer): RecordModule;
  /** What it threw, for whoever wrote it: this may quote the record. */
  tell(thrown: unknown): string;
}

const SAYS_CHARACTERS_MAX = 200;

export class Modules {
  readonly #folder: string;
  readonly #loaded = new Map<string, LoadedModule>();
  /** By url, the text of each file of a version that is loaded. */
  readonly #texts = new Map<string, string>();
  #isReady = false;

  /** `folder`: the setting; empty where there is none. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * The module of that version, or, where none is asked for, of the present one. `watch` shows that it is being loaded: what
   * stands outside of its functions runs then, and may be endless too.
   */
  async open(name: string, watch: SharedArrayBuffer, version?: string): Promise<LoadedModule> {
    const known = version === undefined ? undefined : this.#loaded.get(`${name} ${version}`);
    if (known !== undefined) return known;
    const source = await readModuleSource(this.#folder, name);
    if (version !== undefined && source.version !== version) {
      throw new Fault('CODE_CHANGED', detail('MODULE_VERSIONS', name, version, source.version));
    }
    const loaded = this.#loaded.get(`${name} ${source.version}`) ?? (await this.#load(source, watch));
    this.#loaded.set(`${name} ${source.version}`, loaded);
    return loaded;
  }

  async #load(source: ModuleSource, watch: SharedArrayBuffer): Promise<LoadedModule> {
    const { name, version, files } = source;
    this.#prepareThread();
    for (const [path, text] of files) this.#texts.set(this.#urlOf(path, version), text);
    const watched = new WatchedSide(watch);
    watched.enter(0);
    let exported: Readonly<Record<string, unknown>>;
    try {
      exported = (await import(this.#urlOf(`${name}.ts`, version))) as Readonly<Record<string, unknown>>;
    } catch (error) {
      throw invalid(name, error instanceof Error ? `${error.name}: ${firstLine(error.message)}` : 'it threw');
    } finally {
      watched.leave();
    }
    const { record } = exported;
    if (typeof record !== 'function') throw invalid(name, 'it exports no function `record`');
    if (!isPlainFunction(record))
      throw invalid(name, '`record` is asynchronous or a generator; it must answer at once');
    const declared = {
      name,
      version,
      recordsMax: recordsMaxOf(name, exported['recordsMax']),
      rejects: rejectsOf(name, exported['rejects']),
    };
    const folderUrl = `${pathToFileURL(this.#folder).href.replace(/\/$/, '')}/`;
    return {
      declared,
      watched: (shared) => new WatchedModule(record as RecordModule['record'], folderUrl, shared),
      tell: (thrown) => toldInFull(thrown, folderUrl),
    };
  }

  #urlOf(path: string, version: string): string {
    return `${pathToFileURL(join(this.#folder, path)).href}?version=${version}`;
  }

  /** Once a thread: the texts of modules come from here, and what modules say goes nowhere. */
  #prepareThread(): void {
    if (this.#isReady) return;
    this.#isReady = true;
    silenceConsole();
    const texts = this.#texts;
    registerHooks({
      resolve(specifier, context, next) {
        const { parentURL } = context;
        if (parentURL === undefined || !texts.has(parentURL) || specifier.startsWith('node:')) {
          return next(specifier, context);
        }
        const url = new URL(specifier, parentURL);
        url.search = new URL(parentURL).search;
        if (!/^\.{1,2}\//.test(specifier) || !texts.has(url.href)) {
          throw new Error(`«${specifier}» is no file that a module may import: its folder's .ts and .json, and node:…`);
        }
        return { url: url.href, shortCircuit: true };
      },
      load(url, context, next) {
        const source = texts.get(url);
        if (source === undefined) return next(url, context);
        const format = new URL(url).pathname.endsWith('.json') ? 'json' : 'module-typescript';
        return { format, source, shortCircuit: true };
      },
    });
  }
}

class WatchedModule implements RecordModule {
  readonly #record: RecordModule['record'];
  readonly #folderUrl: string;
  readonly #watched: WatchedSide;

  constructor(record: RecordModule['record'], folderUrl: string, watch: SharedArrayBuffer) {
    this.#record = record;
    this.#folderUrl = folderUrl;
    this.#watched = new WatchedSide(watch);
  }

  record(input: ModuleInput): unknown {
    const record = this.#record;
    return record(input);
  }

  enter(line: number): void {
    this.#watched.enter(line);
  }

  leave(): void {
    this.#watched.leave();
  }

  describe(thrown: unknown): string {
    return toldSafely(thrown, this.#folderUrl);
  }
}

/** Kind and place alone: messages of errors quote what they are about. */
function toldSafely(thrown: unknown, folderUrl: string): string {
  try {
    if (!(thrown instanceof Error)) return `it threw a ${typeof thrown}`;
    const { name, stack } = thrown;
    const kind = typeof name === 'string' && /^[A-Za-z]{1,40}$/.test(name) ? name : 'an error';
    const place = typeof stack === 'string' ? placeIn(stack, folderUrl) : undefined;
    return place === undefined ? kind : `${kind} at ${place}`;
  } catch {
    return 'it threw what cannot be told';
  }
}

function toldInFull(thrown: unknown, folderUrl: string): string {
  try {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return `${toldSafely(thrown, folderUrl)}: ${message}`;
  } catch {
    return toldSafely(thrown, folderUrl);
  }
}

/** The innermost place of the folder: `file.ts:12:5`. */
function placeIn(stack: string, folderUrl: string): string | undefined {
  for (const line of stack.split('\n')) {
    const at = line.indexOf(folderUrl);
    const match =
      at < 0 ? null : /^([^?\s()]{1,200})\?version=[0-9a-f]{32}(:\d+:\d+)/.exec(line.slice(at + folderUrl.length));
    if (match !== null) return `${match[1]}${match[2]}`;
  }
  return undefined;
}

function silenceConsole(): void {
  const methods = console as unknown as Record<string, unknown>;
  for (const name of Object.keys(methods)) if (typeof methods[name] === 'function') methods[name] = () => {};
}

function isPlainFunction(record: unknown): boolean {
  return Object.prototype.toString.call(record) === '[object Function]';
}

function recordsMaxOf(name: string, given: unknown): number {
  if (given === undefined) return 1;
  if (Number.isInteger(given) && (given as number) >= 1 && (given as number) <= MODULE_RECORDS_MAX)
    return given as number;
  throw invalid(name, `recordsMax is a whole number from 1 to ${MODULE_RECORDS_MAX}`);
}

function rejectsOf(name: string, given: unknown): ModuleCode[] {
  if (given === undefined) return [];
  if (typeof given !== 'object' || given === null) throw invalid(name, 'rejects is an object of codes');
  const entries = Object.entries(given);
  if (entries.length > MODULE_CODES_MAX) throw invalid(name, `rejects has more than ${MODULE_CODES_MAX} codes`);
  return entries.map(([code, says]) => {
    if (!MODULE_CODE.test(code)) throw invalid(name, `rejects: «${firstLine(code)}» is no code such as CONTRACT_PAID`);
    if (Object.hasOwn(RECORD_CODES, code)) throw invalid(name, `rejects: ${code} is a code of the engine's`);
    const texts = textsOf(says);
    if (texts === undefined) {
      throw invalid(name, `rejects: ${code} needs one plain sentence, or one for each of ${LANGUAGES.join(' and ')}`);
    }
    return { name: code, says: texts };
  });
}

function textsOf(given: unknown): Texts | undefined {
  const of = (language: string): unknown =>
    typeof given === 'string' ? given : (given as Readonly<Record<string, unknown>> | null)?.[language];
  const texts = Object.fromEntries(LANGUAGES.map((language) => [language, of(language)]));
  return Object.values(texts).every(isSentence) ? (texts as Texts) : undefined;
}

/** One line that no spreadsheet takes for a formula. */
function isSentence(text: unknown): boolean {
  return (
    typeof text === 'string' &&
    text.trim() !== '' &&
    text.length <= SAYS_CHARACTERS_MAX &&
    text.isWellFormed() &&
    !/[\p{Cc}\p{Cf}\u2028\u2029]|^[=+\-@＝＋－＠]/u.test(text)
  );
}

function invalid(name: string, why: string): Fault {
  return new Fault('CODE_INVALID', detail('MODULE_BECAUSE', name, why));
}

function firstLine(text: string): string {
  return (text.split('\n', 1)[0] ?? '').slice(0, SAYS_CHARACTERS_MAX);
}
