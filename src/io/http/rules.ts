/**
 * The rules service by HTTP (port: rules), over undici.
 *
 * - One GET a document, with `If-None-Match` where a version of it is known. 200 gives a document, 304 the known one, 404
 *   and 410 say that there is none; everything else is a failure. Redirects are not followed.
 * - One time limit covers all of it, from the connection to the last byte; the body is cut off at its limit, whatever
 *   length it claims to have.
 * - The operator gives the url, so it may lead anywhere, private networks included.
 */
import { Agent, type Dispatcher, request } from 'undici';
import type { RulesAnswer, RulesService, RulesSubject } from '../ports/rules.ts';

export interface RulesOptions {
  /** `http(s)://…`, in which `{client}` and `{profile}` are filled in. */
  readonly template: string;
  /** Lower case or not; sent where the token is not empty. */
  readonly header: string;
  readonly token: string;
  readonly answerMs: number;
  readonly bytesMax: number;
  /** Requests under way at once. */
  readonly connections: number;
  readonly userAgent: string;
}

const HEADERS_BYTES_MAX = 16 * 1024;
/** RFC 9110, 8.8.3; longer ones are not kept. */
const ETAG = /^(?:W\/)?"[\x21\x23-\x7e]{0,200}"$/;

export function openRulesService(options: RulesOptions): RulesService {
  const { answerMs, bytesMax, template } = options;
  const agent = new Agent({
    connect: { timeout: answerMs },
    connections: options.connections,
    pipelining: 1,
    headersTimeout: answerMs,
    bodyTimeout: answerMs,
    maxHeaderSize: HEADERS_BYTES_MAX,
    maxResponseSize: bytesMax,
  });
  return {
    perClient: template.includes('{client}'),
    urlOf: (subject) => shownUrl(filled(template, subject)),
    ask: (subject, etag) => ask(filled(template, subject), etag, options, agent),
    async close() {
      await agent.destroy();
    },
  };
}

async function ask(url: string, etag: string | null, options: RulesOptions, agent: Dispatcher): Promise<RulesAnswer> {
  const deadline = AbortSignal.timeout(options.answerMs);
  try {
    const answer = await request(url, {
      dispatcher: agent,
      method: 'GET',
      headers: {
        accept: 'application/json',
        'user-agent': options.userAgent,
        ...(etag === null ? {} : { 'if-none-match': etag }),
        ...(options.token === '' ? {} : { [options.header]: options.token }),
      },
      signal: deadline,
    });
    return await read(answer, etag, options.bytesMax);
  } catch (error) {
    if (deadline.aborted) return failed(`no whole answer within ${options.answerMs} ms`);
    const code = codeOf(error);
    return failed(code === TOO_LARGE ? tooLarge(options.bytesMax) : code);
  }
}

async function read(answer: Dispatcher.ResponseData, etag: string | null, bytesMax: number): Promise<RulesAnswer> {
  const { statusCode: status, headers, body } = answer;
  const encoding = headers['content-encoding'];
  if (status === 200 && (encoding === undefined || encoding === 'identity')) {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > bytesMax) return failed(tooLarge(bytesMax));
    }
    const text = utf8Of(Buffer.concat(chunks));
    if (text === undefined) return failed('the document is not UTF-8');
    const given = headers['etag'];
    return { kind: 'document', text, etag: typeof given === 'string' && ETAG.test(given) ? given : null };
  }
  // What else it says is nobody's business here; it may be without end.
  body.on('error', () => {}).destroy();
  switch (status) {
    case 200:
      return failed('the document is encoded, though nothing but plain text was asked for');
    case 304:
      return etag === null ? failed('status 304, though no version is known') : { kind: 'unchanged' };
    case 404:
    case 410:
      return { kind: 'absent' };
    default:
      return failed(
        status >= 300 && status < 400 ? `status ${status}; redirects are not followed` : `status ${status}`,
      );
  }
}

function failed(reason: string): RulesAnswer {
  return { kind: 'failed', reason };
}

function tooLarge(bytesMax: number): string {
  return `the document has more than ${bytesMax} bytes`;
}

function utf8Of(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function filled(template: string, { client, profile }: RulesSubject): string {
  return template
    .replaceAll('{client}', encodeURIComponent(client))
    .replaceAll('{profile}', encodeURIComponent(profile));
}

/** A query may hold a key. */
function shownUrl(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

const TOO_LARGE = 'UND_ERR_RES_EXCEEDED_MAX_SIZE';

/** A name such as `ECONNREFUSED`: messages hold addresses. */
function codeOf(error: unknown): string {
  const code = (error as { readonly code?: unknown } | null)?.code;
  return typeof code === 'string' && /^[A-Z0-9_]{1,60}$/.test(code) ? code : 'no connection';
}
