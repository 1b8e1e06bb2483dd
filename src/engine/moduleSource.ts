/**
 * The text of a module: its file in the folder, and every file of the folder that it imports, with one version over all of it.
 *
 * Promises: nothing is run; the version is a function of the names and bytes of those files alone. Which files belong to it
 * is told by the relative paths that stand in the sources as literals: one too many does no harm, and a file that is found
 * no other way is refused when the module is loaded.
 *
 * Faults: `CODE_UNKNOWN`, `CODE_INVALID`.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { detail } from '../core/catalogue.ts';
import { Fault } from '../core/faults.ts';

export interface ModuleSource {
  readonly name: string;
  /** 32 hexadecimal digits. */
  readonly version: string;
  /** By path in the folder, `/` between its parts; the module's own file is the first. */
  readonly files: ReadonlyMap<string, string>;
}

const FILES_MAX = 100;
const BYTES_MAX = 4 * 1024 * 1024;
/** A relative path in quotes, as an import has it. */
const RELATIVE = /(['"`])(\.{1,2}\/[^'"`\n\\]{1,500})\1/g;
const READ = /\.(?:ts|json)$/;

export async function readModuleSource(folder: string, name: string): Promise<ModuleSource> {
  if (folder === '')
    throw new Fault('CODE_UNKNOWN', detail('MODULE_BECAUSE', name, 'REMESSA_CODE_DIR names no folder'));
  const own = `${name}.ts`;
  const files = new Map<string, string>();
  let bytes = 0;
  for (const waiting = [own]; waiting.length > 0; ) {
    const path = waiting.shift() as string;
    if (files.has(path)) continue;
    const text = await readText(folder, path);
    if (text === undefined) {
      if (path === own) throw new Fault('CODE_UNKNOWN', detail('MODULE_BECAUSE', name, `no file ${own}`));
      continue;
    }
    bytes += Buffer.byteLength(text);
    files.set(path, text);
    if (files.size > FILES_MAX || bytes > BYTES_MAX) {
      const most = `more than ${FILES_MAX} files or ${BYTES_MAX} bytes`;
      throw new Fault('CODE_INVALID', detail('MODULE_BECAUSE', name, most));
    }
    waiting.push(...importsOf(path, text));
  }
  return { name, version: versionOf(files), files };
}

/** Where a path in a file leads, in the folder; `undefined` where it leads out of it, or to what no module is made of. */
function pathFrom(file: string, relative: string): string | undefined {
  const path = posix.join(posix.dirname(file), relative);
  return path.startsWith('../') || path === '..' || !READ.test(path) ? undefined : path;
}

function importsOf(file: string, text: string): string[] {
  if (!file.endsWith('.ts')) return [];
  return [...text.matchAll(RELATIVE)].flatMap((match) => pathFrom(file, match[2] as string) ?? []);
}

async function readText(folder: string, path: string): Promise<string | undefined> {
  try {
    return await readFile(join(folder, path), 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined;
    throw new Fault('CODE_UNKNOWN', detail('MODULE_BECAUSE', path, `it cannot be read: ${code ?? 'unknown reason'}`));
  }
}

function versionOf(files: ReadonlyMap<string, string>): string {
  const hash = createHash('sha256');
  for (const [path, text] of [...files].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`${path}\0${Buffer.byteLength(text)}\0${text}`);
  }
  return hash.digest('hex').slice(0, 32);
}
