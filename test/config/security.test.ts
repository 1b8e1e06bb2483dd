/** docs/SECURITY.md explains every dependency, and none that is not there. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const read = (name: string): string => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');

/** First cells of the rows of the table whose head is given. */
function rowsOf(page: string, head: string): string[] {
  const table = page.slice(page.indexOf(head)).split('\n\n', 1)[0] as string;
  return [...table.matchAll(/^\| `([^`]+)` \| (.*\S.*) \|$/gm)].map((row) => row[1] as string);
}

describe('the dependencies', () => {
  const page = read('docs/SECURITY.md');
  const { dependencies, devDependencies } = JSON.parse(read('package.json')) as {
    readonly dependencies: Record<string, string>;
    readonly devDependencies: Record<string, string>;
  };
  const lock = JSON.parse(read('package-lock.json')) as {
    readonly packages: Record<
      string,
      { readonly dev?: true; readonly devOptional?: true; readonly hasInstallScript?: true }
    >;
  };

  it('are explained, each of them and no other', () => {
    expect(rowsOf(page, '| package | for |')).toEqual(Object.keys(dependencies).sort());
    expect(rowsOf(page, '| for development | for |')).toEqual(Object.keys(devDependencies).sort());
  });

  it('are counted as they are', () => {
    const all = Object.entries(lock.packages).filter(([path]) => path !== '');
    const forUse = all.filter(([, of]) => of.dev !== true && of.devOptional !== true).length;
    const [use, development] = [dependencies, devDependencies].map((those) => Object.keys(those).length);
    expect(page).toContain(
      `${use} packages at run time (${forUse} with what they bring), ${development} for development (${all.length - forUse} with what they bring)`,
    );
  });

  it('are pinned to one version each', () => {
    const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(([, at]) => !/^[0-9]/.test(at));
    expect(loose).toEqual([]);
  });

  it('run no script of theirs when they are installed for use', () => {
    const scripted = Object.entries(lock.packages).filter(
      ([path, of]) => path !== '' && of.hasInstallScript === true && of.dev !== true && of.devOptional !== true,
    );
    expect(scripted.map(([path]) => path)).toEqual([]);
  });
});
