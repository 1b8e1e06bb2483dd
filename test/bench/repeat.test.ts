/** What `npm run repeat` tells of many runs: every failure counts, and a file that could not even be loaded is one. */
import { describe, expect, it } from 'vitest';
import { addRound, type FileRecord, type Report, summaryOf } from '../../scripts/repeat.ts';

function report(...results: [file: string, status: string, tests: Record<string, string>, message?: string][]): Report {
  return {
    testResults: results.map(([file, status, tests, message]) => ({
      name: `/repo/${file}`,
      status,
      ...(message === undefined ? {} : { message }),
      assertionResults: Object.entries(tests).map(([fullName, of]) => ({
        fullName,
        status: of,
        failureMessages: of === 'failed' ? [`${fullName} went wrong`] : [],
      })),
    })),
  };
}

describe('rounds of test suites', () => {
  it('are counted by file, with every test that failed', () => {
    const files = new Map<string, FileRecord>();
    expect(addRound(files, report(['a.test.ts', 'passed', { one: 'passed' }]), '/repo')).toEqual([]);
    const failures = addRound(
      files,
      report(
        ['a.test.ts', 'failed', { one: 'failed', two: 'failed', three: 'skipped' }],
        ['b.test.ts', 'passed', { one: 'passed' }],
      ),
      '/repo',
    );
    expect(failures).toEqual(['a.test.ts > one\none went wrong', 'a.test.ts > two\ntwo went wrong']);
    expect(summaryOf(files)).toBe(
      [
        'FAILED 1 of 2  a.test.ts',
        '         1 × one',
        '         1 × two',
        'clean  1 of 1  b.test.ts',
        '2 files, 1 not clean',
        '',
      ].join('\n'),
    );
  });

  it('are not clean where a file failed without a test', () => {
    const files = new Map<string, FileRecord>();
    const failures = addRound(files, report(['a.test.ts', 'failed', {}, 'no such module']), '/repo');
    expect(failures).toEqual(['a.test.ts > (the file itself)\nno such module']);
    expect(summaryOf(files)).toContain('FAILED 0 of 1  a.test.ts');
  });
});
