/**
 * Port: mail to people.
 *
 * Contract
 * - `send` settles once the mail is handed over for good: a service has taken it, or its file is on disk.
 * - At least once: a mail sent again under the same id may come twice. It carries the id in the header `X-Remessa-Notice`,
 *   the same each time, so that a reader can tell.
 * - `NOTICE_REFUSED` where this mail can never go: an address that is none, a sender the service does not know, a mail it
 *   rejects. Anything that may pass (no answer, too many, credentials) is a fault that is retried. The detail of a fault
 *   names no address.
 * - Nothing in a mail can add a header or a recipient: line ends in a subject or an address are refused.
 */
import { Fault } from '../../core/faults.ts';

export interface Mail {
  /** The id of the delivery: 1 to 128 of letters, digits, `-` and `_`. */
  readonly id: string;
  /** 1 to 50 addresses, `name@domain` in ASCII. All see each other. */
  readonly to: readonly string[];
  /** One line, at most 200 characters. */
  readonly subject: string;
  /** Plain text, LF line ends; at most 100,000 characters. */
  readonly text: string;
  /** The same as HTML, for readers that show it; at most as long. */
  readonly html?: string;
}

export interface MailSender {
  send(mail: Mail): Promise<void>;
  close(): Promise<void>;
}

export const NOTICE_HEADER = 'X-Remessa-Notice';
export const RECIPIENTS_MAX = 50;
const SUBJECT_MAX = 200;
const TEXT_MAX = 100_000;
const ID = /^[A-Za-z0-9_-]{1,128}$/;
/** Of RFC 5321's mailboxes those that people have: an atom, dots inside, a domain of labels. */
const ADDRESS =
  /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z][A-Za-z0-9-]{0,62}$/;
const LOCAL_MAX = 64;
const ADDRESS_MAX = 254;

export function isAddress(text: string): boolean {
  return text.length <= ADDRESS_MAX && text.indexOf('@') <= LOCAL_MAX && ADDRESS.test(text);
}

/** What every driver checks before it sends; throws `NOTICE_REFUSED`. */
export function checkMail(mail: Mail): void {
  const refuse = (why: string): never => {
    throw new Fault('NOTICE_REFUSED', why);
  };
  if (!ID.test(mail.id)) refuse('the id of the delivery has other characters than letters, digits, - and _');
  if (mail.to.length === 0 || mail.to.length > RECIPIENTS_MAX) refuse(`${mail.to.length} recipients`);
  const wrong = mail.to.findIndex((address) => !isAddress(address));
  if (wrong !== -1) refuse(`recipient ${wrong + 1} of ${mail.to.length} is no mail address`);
  if (/[\u0000-\u001f\u007f\u2028\u2029]/.test(mail.subject)) refuse('the subject has control characters');
  if (mail.subject.length > SUBJECT_MAX) refuse(`a subject of ${mail.subject.length} characters`);
  if (mail.text.length > TEXT_MAX) refuse(`a text of ${mail.text.length} characters`);
  if ((mail.html ?? '').length > TEXT_MAX) refuse(`HTML of ${mail.html?.length} characters`);
}
