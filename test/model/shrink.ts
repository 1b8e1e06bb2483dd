/** Makes a failing history smaller as long as it fails in the same way, so that a person can follow what happened. */
import type { History, SimFile } from './history.ts';
import type { Violation } from './verdict.ts';

export type Judge = (history: History) => Promise<Violation | undefined>;

export interface Shrunk {
  readonly history: History;
  readonly violation: Violation;
  readonly tries: number;
}

/** @param mishapsOf how many mishaps a history has: each is tried without */
export async function shrink(
  history: History,
  violation: Violation,
  judge: Judge,
  mishapsOf: (history: History) => Promise<readonly number[]>,
  triesMax = 300,
): Promise<Shrunk> {
  let smallest = { history, violation };
  let tries = 0;
  const accepts = async (smaller: History): Promise<boolean> => {
    if (tries >= triesMax) return false;
    tries += 1;
    const now = await judge(smaller);
    if (now?.kind !== violation.kind) return false;
    smallest = { history: smaller, violation: now };
    return true;
  };
  for (let again = true; again && tries < triesMax; ) {
    again = false;
    for (const smaller of smallerOnes(smallest.history)) {
      if (!(await accepts(smaller))) continue;
      again = true;
      break;
    }
    for (const number of again ? [] : await mishapsOf(smallest.history)) {
      const { spared } = smallest.history;
      if (await accepts({ ...smallest.history, spared: [...spared, number] })) again = true;
    }
  }
  return { ...smallest, tries };
}

function* smallerOnes(history: History): Iterable<History> {
  const { files } = history;
  for (const index of files.keys()) {
    if (files.length > 1) yield { ...history, files: files.filter((_, other) => other !== index) };
  }
  for (const [index, file] of files.entries()) {
    for (const smaller of smallerFiles(file)) {
      yield { ...history, files: files.map((other, at) => (at === index ? smaller : other)) };
    }
  }
  if (history.processes > 1) yield { ...history, processes: history.processes - 1 };
  if (history.doubleShare > 0) yield { ...history, doubleShare: 0 };
  if (history.shuffledShare > 0) yield { ...history, shuffledShare: 0 };
  if (history.takesTwice) yield { ...history, takesTwice: false };
}

function* smallerFiles(file: SimFile): Iterable<SimFile> {
  if (file.cancelAtMs !== null) yield { ...file, cancelAtMs: null };
  if (file.againAtMs !== null) yield { ...file, againAtMs: null };
  if (file.asking !== null) {
    const { asking } = file;
    yield { ...file, asking: null };
    if (asking.profile !== 'always') yield { ...file, asking: { ...asking, profile: 'always' } };
    for (const index of asking.answers.keys()) {
      yield { ...file, asking: { ...asking, answers: asking.answers.filter((_, other) => other !== index) } };
    }
  }
  if (file.duplicates !== 'first') yield { ...file, duplicates: 'first' };
  if (file.dryRun) yield { ...file, dryRun: false };
  if (file.lines.length > 1) {
    yield { ...file, lines: file.lines.slice(0, file.lines.length >> 1) };
    yield { ...file, lines: file.lines.slice(0, -1) };
  }
}
