/**
 * A person in records that outlive the person's data: a digest to find them by, and a text that shows which one is meant to
 * somebody who knows. And finding a person's CPF in the bytes of a file, however it was written there.
 */
import { createGunzip } from 'node:zlib';
import { derivedId } from '../core/ids.ts';

export function personOf(client: string, cpf: string): string {
  return derivedId('person', client, cpf);
}

export function personText(cpf: string): string {
  return `***.${cpf.slice(3, 6)}.${cpf.slice(6, 9)}-**`;
}

/** The CPF bare, with its points and hyphen in any mixture, or without its leading zeros; not as a part of a longer number. */
export function patternOf(cpf: string): RegExp {
  const [a, b, c, d] = [cpf.slice(0, 3), cpf.slice(3, 6), cpf.slice(6, 9), cpf.slice(9)];
  const forms = [`${a}[. ]?${b}[. ]?${c}[- ]?${d}`];
  const short = cpf.replace(/^0+/, '');
  if (short.length < cpf.length && short.length >= SHORTEST) forms.push(short);
  return new RegExp(`(?<![0-9])(?:${forms.join('|')})(?![0-9])`);
}

/** Digits of a CPF that is taken without its leading zeros. */
const SHORTEST = 9;

/** Characters at the end of a block that may begin what the next one ends. */
const CARRY = 32;
const GZIP = [0x1f, 0x8b];

/** Whether the pattern of ASCII characters stands in the bytes, or, where they are gzip, in what they inflate to. */
export async function holds(blocks: AsyncIterable<Uint8Array>, pattern: RegExp): Promise<boolean> {
  let carry = '';
  for await (const block of inflated(blocks)) {
    // Two-byte encodings put a zero beside each digit.
    const text = carry + Buffer.from(block).toString('latin1').replaceAll('\0', '');
    // Whether a number at the very end goes on is known with the next block.
    const found = pattern.exec(text);
    if (found !== null && found.index + found[0].length < text.length) return true;
    carry = text.slice(-CARRY);
  }
  return pattern.test(carry);
}

async function* inflated(blocks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const source = blocks[Symbol.asyncIterator]();
  const first = await source.next();
  if (first.done === true) return;
  const rest = (async function* () {
    yield first.value;
    for (let next = await source.next(); next.done !== true; next = await source.next()) yield next.value;
  })();
  if (first.value[0] !== GZIP[0] || first.value[1] !== GZIP[1]) {
    yield* rest;
    return;
  }
  const gunzip = createGunzip();
  const feed = (async () => {
    for await (const block of rest) if (!gunzip.write(block)) await drained(gunzip);
    gunzip.end();
  })().catch((error: unknown) => gunzip.destroy(error instanceof Error ? error : new Error(String(error))));
  try {
    for await (const block of gunzip) yield block as Uint8Array;
  } finally {
    gunzip.destroy();
    await feed;
  }
}

function drained(stream: NodeJS.WritableStream): Promise<void> {
  return new Promise((done) => {
    const end = (): void => {
      for (const name of ['drain', 'close', 'error']) stream.removeListener(name, end);
      done();
    };
    for (const name of ['drain', 'close', 'error']) stream.once(name, end);
  });
}
