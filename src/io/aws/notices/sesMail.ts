/**
 * Mail by SES (API v2), from an address or domain that SES knows as a verified identity.
 *
 * Faults: `NOTICE_REFUSED` where SES rejects this mail, `SERVICE_DENIED` where it refuses who asks or has stopped the
 * account's sending, `SERVICE_IO` for the rest. SES repeats addresses in its messages, so none of them is passed on.
 */
import { SendEmailCommand } from '@aws-sdk/client-sesv2';
import { Fault } from '../../../core/faults.ts';
import { checkMail, type MailSender, NOTICE_HEADER } from '../../ports/mail.ts';
import { errorName, serviceFault } from '../serviceFaults.ts';

export interface SesMailOptions {
  /** The sender: an address whose identity is verified. */
  readonly from: string;
  /** Where SES reports bounces and complaints of these mails; none where empty. */
  readonly configurationSet: string;
}

/** What is used of `SESv2Client`. */
export interface SesClient {
  send(command: SendEmailCommand): Promise<unknown>;
  destroy(): void;
}

/** Another try cannot change these: the mail, its sender or the configuration set must change. */
const REFUSED: ReadonlySet<string> = new Set([
  'MessageRejected',
  'BadRequestException',
  'MailFromDomainNotVerifiedException',
  'NotFoundException',
]);
/** SES stopped the account; a person must ask for it to be allowed again. */
const STOPPED: ReadonlySet<string> = new Set(['AccountSuspendedException', 'SendingPausedException']);

export function openSesMail(options: SesMailOptions, deps: { readonly client: SesClient }): MailSender {
  const { from, configurationSet } = options;
  return {
    async send(mail) {
      checkMail(mail);
      const command = new SendEmailCommand({
        FromEmailAddress: from,
        Destination: { ToAddresses: [...mail.to] },
        Content: {
          Simple: {
            Subject: { Data: mail.subject, Charset: 'UTF-8' },
            Body: {
              Text: { Data: mail.text, Charset: 'UTF-8' },
              ...(mail.html === undefined ? {} : { Html: { Data: mail.html, Charset: 'UTF-8' } }),
            },
            Headers: [{ Name: NOTICE_HEADER, Value: mail.id }],
          },
        },
        ...(configurationSet === '' ? {} : { ConfigurationSetName: configurationSet }),
      });
      try {
        await deps.client.send(command);
      } catch (error) {
        const name = errorName(error);
        if (REFUSED.has(name)) throw new Fault('NOTICE_REFUSED', `SES: ${name}`);
        if (STOPPED.has(name)) throw new Fault('SERVICE_DENIED', `SES SendEmail: ${name}`);
        throw serviceFault({ service: 'SES', operation: 'SendEmail' }, error);
      }
    },
    async close() {
      deps.client.destroy();
    },
  };
}
