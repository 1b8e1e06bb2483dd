/**
 * A person in records that outlive the person's data: a digest to find them by. And finding a person's document in the
 * bytes of a file, however it was written there.
 */
import { createGunzip } from 'node:zlib';
import { documentKindOf } from '../../core/documents.ts';
import { derivedId } from '../../core/ids.ts';

/** By the document as it is stored. */
export function personOf(client: string, document: string): string {
  return derivedId('person', client, document);
}

/**
 * The document bare, with its marks in any mixture, without its leading zeros or with more of them, but not as a part of
 * a longer number; and, as fixed places of a file have it, with 14 characters or more among other digits: so many do not
 * stand anywhere by chance. `amongDigits`: of a file of fixed places, where the bare document may have digits beside it too.
 */
export function patternOf(document: string, amongDigits = false): RegExp {
  const isCnpj = documentKindOf(document) === 'cnpj';
  const marked = isCnpj ? markedCnpj(document) : markedCpf(document);
  const short = document.replace(/^0+/, '');
  const forms = isCnpj ? [] : [marked];
  const shortest = isCnpj ? CNPJ_DIGITS_MIN : CPF_DIGITS_MIN;
  if (short.length < document.length && short.length >= shortest) forms.push(short);
  const apart = forms.length === 0 ? [] : [`(?<![0-9])0*(?:${forms.join('|')})(?![0-9])`];
  const placed = amongDigits ? document : document.padStart(PLACE_DIGITS, '0');
  const anywhere = isCnpj ? marked : placed;
  return new RegExp([...apart, anywhere].join('|'), 'i');
}

function markedCpf(cpf: string): string {
  return `${cpf.slice(0, 3)}[. ]?${cpf.slice(3, 6)}[. ]?${cpf.slice(6, 9)}[- ]?${cpf.slice(9)}`;
}

function markedCnpj(cnpj: string): string {
  const [root, branch] = [`${cnpj.slice(0, 2)}[. ]?${cnpj.slice(2, 5)}[. ]?${cnpj.slice(5, 8)}`, cnpj.slice(8, 12)];
  return `${root}[/ ]?${branch}[- ]?${cnpj.slice(12)}`;
}

/** Digits of a document that is taken without its leading zeros. */
const CPF_DIGITS_MIN = 9;
const CNPJ_DIGITS_MIN = 12;
const PLACE_DIGITS = 14;

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
