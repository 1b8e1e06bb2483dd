/**
 * A mail as an `.eml` file (RFC 5322): headers in ASCII, the text (and the HTML, where there is one, as its alternative) as UTF-8 in base64, CRLF line ends, no line above 76
 * characters but for a long address. The same mail at the same time is the same bytes.
 */
import { Buffer } from 'node:buffer';
import { type Mail, NOTICE_HEADER } from '../ports/mail.ts';

const LINE_MAX = 76;
/** With what stands around it, below the 70 characters of RFC 2046. */
const BOUNDARY_MAX = 60;
/** Of an encoded word: 75 characters, `=?utf-8?B?` and `?=` among them, make 45 bytes of text. */
const WORD_BYTES_MAX = 45;

export function emlOf(mail: Mail, from: string, atMs: number): Buffer {
  const headers = [
    `From: ${from}`,
    `To: ${mail.to.join(',\r\n ')}`,
    `Subject: ${subjectOf(mail.subject)}`,
    `Date: ${new Date(atMs).toUTCString().replace('GMT', '+0000')}`,
    `Message-ID: <${mail.id}@${from.slice(from.indexOf('@') + 1)}>`,
    `${NOTICE_HEADER}: ${mail.id}`,
    'MIME-Version: 1.0',
  ];
  const text = partOf('plain', mail.text);
  if (mail.html === undefined) return Buffer.from(`${headers.join('\r\n')}\r\n${text}`, 'latin1');
  // No line of base64 begins with two hyphens.
  const boundary = `=_${mail.id.slice(0, BOUNDARY_MAX)}`;
  const parts = [text, partOf('html', mail.html)].map((part) => `--${boundary}\r\n${part}`).join('');
  headers.push(`Content-Type: multipart/alternative;\r\n boundary="${boundary}"`);
  return Buffer.from(`${headers.join('\r\n')}\r\n\r\n${parts}--${boundary}--\r\n`, 'latin1');
}

function partOf(kind: 'plain' | 'html', text: string): string {
  const body = Buffer.from(text.replace(/\r?\n/g, '\r\n'), 'utf8').toString('base64');
  const lines = body.match(new RegExp(`.{1,${LINE_MAX}}`, 'g')) ?? [];
  const head = `Content-Type: text/${kind}; charset=utf-8\r\nContent-Transfer-Encoding: base64`;
  return `${head}\r\n\r\n${lines.join('\r\n')}\r\n`;
}

/** As it is where it is short and plain, else in encoded words (RFC 2047), each of whole characters. */
function subjectOf(subject: string): string {
  if (/^[\x20-\x7e]*$/.test(subject) && subject.length <= LINE_MAX - 'Subject: '.length && !subject.includes('=?')) {
    return subject;
  }
  const words: string[] = [];
  let word = '';
  for (const character of subject) {
    if (Buffer.byteLength(word + character) > WORD_BYTES_MAX) {
      words.push(word);
      word = '';
    }
    word += character;
  }
  words.push(word);
  return words.map((text) => `=?utf-8?B?${Buffer.from(text, 'utf8').toString('base64')}?=`).join('\r\n ');
}
