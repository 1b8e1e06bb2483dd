/**
 * Mail by SES over a double that answers as SES does and, with REMESSA_TEST_AWS=1, the contract over moto. Laxer than SES,
 * moto sends no mail, keeps no header and takes any recipient; like SES, it refuses a sender that it was not told of.
 */
import { CreateEmailIdentityCommand, SESv2Client, type SendEmailCommand } from '@aws-sdk/client-sesv2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openSesMail, type SesClient } from '../../../../src/io/aws/notices/sesMail.ts';
import { describeMail, mail, type SentMail } from '../../../contract/mail.contract.ts';
import { faultCode } from '../../../contract/support.ts';
import { type AwsServer, type ServerKind, serviceServers } from '../../../support/aws/servers.ts';

const FROM = 'remessa@bureau.example';

class FakeSes implements SesClient {
  readonly sent: SendEmailCommand['input'][] = [];
  failure: Error | undefined;

  async send(command: SendEmailCommand): Promise<unknown> {
    if (this.failure !== undefined) throw this.failure;
    this.sent.push(command.input);
    return { MessageId: '0001' };
  }

  destroy(): void {}
}

function refusal(name: string, httpStatusCode: number): Error {
  const says = 'Email address is not verified: ana@loja.example';
  return Object.assign(new Error(says), { name, $fault: 'client', $metadata: { httpStatusCode, requestId: 'r-1' } });
}

describeMail('SES', async () => {
  const client = new FakeSes();
  const sender = openSesMail({ from: FROM, configurationSet: '' }, { client });
  const sent = async (): Promise<Map<string, SentMail>> =>
    new Map(
      client.sent.map(({ Destination, Content }) => {
        const { Subject, Body, Headers } = Content?.Simple ?? {};
        expect([Subject?.Charset, Body?.Text?.Charset]).toEqual(['UTF-8', 'UTF-8']);
        const notice = Headers?.find(({ Name }) => Name === 'X-Remessa-Notice')?.Value ?? '';
        const to = Destination?.ToAddresses ?? [];
        return [notice, { to, subject: Subject?.Data ?? '', text: Body?.Text?.Data ?? '', notice }];
      }),
    );
  return { sender, sent, dispose: () => sender.close() };
});

describe('mail by SES', () => {
  it.each([
    ['MessageRejected', 400, 'NOTICE_REFUSED'],
    ['BadRequestException', 400, 'NOTICE_REFUSED'],
    ['MailFromDomainNotVerifiedException', 400, 'NOTICE_REFUSED'],
    ['SendingPausedException', 400, 'SERVICE_DENIED'],
    ['AccountSuspendedException', 400, 'SERVICE_DENIED'],
    ['AccessDeniedException', 403, 'SERVICE_DENIED'],
    ['TooManyRequestsException', 429, 'SERVICE_IO'],
    ['LimitExceededException', 400, 'SERVICE_IO'],
    ['InternalServiceError', 500, 'SERVICE_IO'],
    ['TimeoutError', 0, 'SERVICE_IO'],
  ] as const)('whose answer is %s (%i) is %s, and no address is repeated', async (name, status, code) => {
    const client = new FakeSes();
    client.failure = refusal(name, status);
    const sender = openSesMail({ from: FROM, configurationSet: '' }, { client });
    const error = await sender.send(mail('n-1')).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code });
    expect(String(error)).not.toContain('loja.example');
  });

  it('has its HTML beside the text, and none where there is none', async () => {
    const client = new FakeSes();
    const sender = openSesMail({ from: FROM, configurationSet: '' }, { client });
    await sender.send(mail('n-1', { html: '<p>é</p>' }));
    await sender.send(mail('n-2'));
    expect(client.sent.map(({ Content }) => Content?.Simple?.Body?.Html)).toEqual([
      { Data: '<p>é</p>', Charset: 'UTF-8' },
      undefined,
    ]);
  });

  it('goes through the configuration set that is given', async () => {
    const client = new FakeSes();
    await openSesMail({ from: FROM, configurationSet: 'notices' }, { client }).send(mail('n-1'));
    await openSesMail({ from: FROM, configurationSet: '' }, { client }).send(mail('n-2'));
    expect(client.sent.map((input) => input.ConfigurationSetName)).toEqual(['notices', undefined]);
    expect(client.sent[0]?.FromEmailAddress).toBe(FROM);
  });
});

for (const kind of serviceServers()) {
  describe.skipIf(kind.lacks.has('ses'))(`mail by SES, ${kind.name}`, () => overServer(kind));
}

function overServer(kind: ServerKind): void {
  let server: AwsServer;

  beforeAll(async () => {
    server = await kind.start();
  });

  afterAll(async () => {
    await server.close();
  });

  function opened(from: string) {
    const { endpoint, region, credentials } = server;
    const client = new SESv2Client({ endpoint, region, credentials, maxAttempts: 1 });
    return { client, sender: openSesMail({ from, configurationSet: '' }, { client }) };
  }

  it('is taken from a sender that SES knows, and refused from another', async () => {
    const { client, sender } = opened(FROM);
    await client.send(new CreateEmailIdentityCommand({ EmailIdentity: FROM }));
    await sender.send(mail('n-1', { subject: 'Olá', text: 'São Paulo\n' }));
    // What it keeps, moto tells in its own interface.
    const data = await (await fetch(`${server.endpoint}/moto-api/data.json`)).text();
    expect(data).toContain('ana@loja.example');
    await sender.close();
    const stranger = opened('eve@evil.example').sender;
    expect(await faultCode(stranger.send(mail('n-2')))).toBe('NOTICE_REFUSED');
    await stranger.close();
  });

  // fault 34
  it('is a fault of the service where nobody answers', async () => {
    const { region, credentials } = server;
    const client = new SESv2Client({ endpoint: 'http://127.0.0.1:1', region, credentials, maxAttempts: 1 });
    const sender = openSesMail({ from: FROM, configurationSet: '' }, { client });
    expect(await faultCode(sender.send(mail('n-1')))).toBe('SERVICE_IO');
    await sender.close();
  });
}
