/** Mail to a folder: the contract of mail, and files as a mail program reads them. */
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { openFolderMail } from '../../../src/io/embedded/mail.ts';
import { describeMail, mail, type SentMail } from '../../contract/mail.contract.ts';
import { FakeClock, faultCode } from '../../contract/support.ts';
import { seededBytes } from '../../support/pause.ts';

const FROM = 'remessa@bureau.example';
const folders: string[] = [];

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});

async function opened() {
  const root = await mkdtemp(join(tmpdir(), 'remessa-mail-'));
  folders.push(root);
  const folder = join(root, 'data', 'outbox');
  const clock = new FakeClock();
  return { folder, clock, sender: openFolderMail({ folder, from: FROM }, { clock, random: seededBytes(7) }) };
}

/** A mail file as RFC 5322 and RFC 2047 have it read. */
function parse(bytes: Buffer): { readonly headers: Map<string, string>; readonly text: string } {
  const raw = bytes.toString('latin1');
  expect(raw).toMatch(/^[\x20-\x7e\r\n]*$/);
  expect(raw.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
  const end = raw.indexOf('\r\n\r\n');
  const unfolded = raw.slice(0, end).replace(/\r\n(?=[ \t])/g, '');
  const headers = new Map(
    unfolded
      .split('\r\n')
      .map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
  );
  return { headers, text: Buffer.from(raw.slice(end), 'base64').toString('utf8') };
}

function decoded(words: string): string {
  const joined = words.replace(/\?=\s+=\?/g, '?==?');
  return joined.replace(/=\?utf-8\?B\?([^?]*)\?=/g, (word, base64: string) => {
    expect(word.length).toBeLessThanOrEqual(75);
    return Buffer.from(base64, 'base64').toString('utf8');
  });
}

async function sentIn(folder: string): Promise<Map<string, SentMail>> {
  const names = await readdir(folder).catch(() => []);
  const sent = new Map<string, SentMail>();
  for (const name of names) {
    expect(name).toMatch(/\.eml$/);
    const { headers, text } = parse(await readFile(join(folder, name)));
    const to = (headers.get('to') ?? '').split(', ');
    const notice = headers.get('x-remessa-notice') ?? '';
    sent.set(name.slice(0, -4), { to, subject: decoded(headers.get('subject') ?? ''), text, notice });
  }
  return sent;
}

describeMail('folder', async () => {
  const { folder, sender } = await opened();
  return { sender, sent: () => sentIn(folder), dispose: () => sender.close() };
});

describe('mail to a folder', () => {
  it('is a file that any mail program reads', async () => {
    const { folder, sender } = await opened();
    await sender.send(mail('n-1', { subject: 'Olá' }));
    const { headers } = parse(await readFile(join(folder, 'n-1.eml')));
    expect(Object.fromEntries(headers)).toEqual({
      from: FROM,
      to: 'ana@loja.example',
      subject: `=?utf-8?B?${Buffer.from('Olá').toString('base64')}?=`,
      date: 'Thu, 15 Jan 2026 12:00:00 +0000',
      'message-id': '<n-1@bureau.example>',
      'x-remessa-notice': 'n-1',
      'mime-version': '1.0',
      'content-type': 'text/plain; charset=utf-8',
      'content-transfer-encoding': 'base64',
    });
  });

  it('has its HTML as an alternative to the text, each whole', async () => {
    const { folder, sender } = await opened();
    const html = `<p>São Paulo &amp; ${'é'.repeat(500)}</p>\n`;
    await sender.send(mail('n-1', { text: 'São Paulo\n', html }));
    const { headers } = parse(await readFile(join(folder, 'n-1.eml')));
    const boundary = /^multipart\/alternative; boundary="([^"]{1,70})"$/.exec(headers.get('content-type') ?? '')?.[1];
    const raw = await readFile(join(folder, 'n-1.eml'), 'latin1');
    const parts = raw.split(`--${boundary}`);
    // What stands before the first part, both parts, and the end.
    expect([parts.length, parts.at(-1)]).toEqual([4, '--\r\n']);
    const read = parts.slice(1, 3).map((part) => parse(Buffer.from(part.slice(2), 'latin1')));
    expect(read.map((part) => part.headers.get('content-type'))).toEqual([
      'text/plain; charset=utf-8',
      'text/html; charset=utf-8',
    ]);
    expect(read.map((part) => part.text)).toEqual(['São Paulo\r\n', html.replace('\n', '\r\n')]);
    expect(await faultCode(sender.send(mail('n-2', { html: 'x'.repeat(100_001) })))).toBe('NOTICE_REFUSED');
  });

  it('is for the owner alone', async () => {
    const { folder, sender } = await opened();
    await sender.send(mail('n-1'));
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, 'n-1.eml'))).mode & 0o777).toBe(0o600);
  });

  it('takes the place of the mail that had its id, and leaves nothing else behind', async () => {
    const { folder, sender } = await opened();
    await Promise.all(Array.from({ length: 20 }, (_, i) => sender.send(mail('n-1', { text: `${i}\n`.repeat(2000) }))));
    expect(await readdir(folder)).toEqual(['n-1.eml']);
    const { text } = parse(await readFile(join(folder, 'n-1.eml')));
    expect(new Set(text.trim().split('\r\n')).size).toBe(1);
    expect(text.split('\r\n').length).toBe(2001);
  });

  it('is a fault of the store where it cannot be written', async () => {
    const { folder, sender } = await opened();
    await sender.send(mail('n-1'));
    await rm(folder, { recursive: true });
    await writeFile(folder, 'in the way');
    expect(await faultCode(sender.send(mail('n-2')))).toBe('STORE_IO');
    await chmod(folder, 0o600);
  });
});
