/** The contract of the mail senders (src/io/ports/mail.ts), sentence by sentence, for any driver. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Mail, MailSender } from '../../src/io/ports/mail.ts';
import { faultCode } from './support.ts';

export interface MailFixture {
  readonly sender: MailSender;
  /** What came out, by id: the headers by lower-case name, and the text. A driver that keeps none has no header. */
  sent(): Promise<Map<string, SentMail>>;
  dispose(): Promise<void>;
}

export interface SentMail {
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  /** Absent where the server does not tell. */
  readonly notice?: string;
}

export function mail(id: string, change: Partial<Mail> = {}): Mail {
  return { id, to: ['ana@loja.example'], subject: 'Batch b-1 completed', text: 'All is well.\n', ...change };
}

export function describeMail(name: string, make: () => Promise<MailFixture>): void {
  describe(`mail: ${name}`, () => {
    let fixture: MailFixture;
    let sender: MailSender;

    beforeEach(async () => {
      fixture = await make();
      sender = fixture.sender;
    });

    afterEach(async () => {
      await fixture.dispose();
    });

    it('hands a mail over as it is', async () => {
      const to = ['ana@loja.example', "o'neil+remessa@sub.loja.example"];
      await sender.send(mail('n-1', { to, text: 'First line\nSecond line\n' }));
      const sent = (await fixture.sent()).get('n-1');
      expect(sent).toMatchObject({ to, subject: 'Batch b-1 completed' });
      expect(sent?.text.replaceAll('\r\n', '\n')).toBe('First line\nSecond line\n');
      if (sent?.notice !== undefined) expect(sent.notice).toBe('n-1');
    });

    it('keeps every letter of subject and text', async () => {
      const subject = `Remessa «débitos» concluída — ação ${'não há pendências; '.repeat(7)}😀`.slice(0, 190);
      const text = `São Paulo: R$ 1.234,56 — ${'é'.repeat(5000)}\n. \n.\n`;
      await sender.send(mail('n-2', { subject, text }));
      const sent = (await fixture.sent()).get('n-2');
      expect(sent?.subject).toBe(subject);
      expect(sent?.text.replaceAll('\r\n', '\n')).toBe(text);
    });

    it('takes a mail again under the same id', async () => {
      await sender.send(mail('n-3'));
      await sender.send(mail('n-3'));
      expect((await fixture.sent()).get('n-3')?.text.trim()).toBe('All is well.');
    });

    it.each<[string, Partial<Mail>]>([
      ['no recipient', { to: [] }],
      ['too many recipients', { to: Array.from({ length: 51 }, (_, i) => `a${i}@loja.example`) }],
      ['an address that is none', { to: ['ana@loja.example', 'ana'] }],
      ['an address without a domain', { to: ['ana@'] }],
      ['an address with a name', { to: ['Ana <ana@loja.example>'] }],
      ['an address that adds a header', { to: ['ana@loja.example\r\nBcc: eve@evil.example'] }],
      ['two addresses in one', { to: ['ana@loja.example, eve@evil.example'] }],
      ['an address that is too long', { to: [`${'a'.repeat(65)}@loja.example`] }],
      ['a subject that adds a header', { subject: 'Done\r\nBcc: eve@evil.example' }],
      ['a subject that ends the headers', { subject: 'Done\n\nhello' }],
      ['a subject that is too long', { subject: 'x'.repeat(201) }],
      ['a text that is too long', { text: 'x'.repeat(100_001) }],
    ])('refuses %s', async (_what, change) => {
      expect(await faultCode(sender.send(mail('n-4', change)))).toBe('NOTICE_REFUSED');
      expect((await fixture.sent()).size).toBe(0);
    });

    it.each(['', '../n-5', 'n 5', 'n/5', 'n\r\n5', 'x'.repeat(129)])('refuses the id %j', async (id) => {
      expect(await faultCode(sender.send(mail(id)))).toBe('NOTICE_REFUSED');
    });

    it('names no address in a fault', async () => {
      const error = await sender.send(mail('n-6', { to: ['52998224725'] })).catch((thrown: unknown) => thrown);
      expect(String(error)).not.toContain('52998224725');
    });
  });
}
