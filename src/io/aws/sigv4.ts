/**
 * AWS Signature Version 4 of requests whose whole body is at hand.
 *
 * Source: AWS General Reference, «Create a signed AWS API request». The caller gives the path and query as they are
 * canonical (a JSON protocol such as DynamoDB's has only `/` and no query) and header values without outer or doubled
 * blanks. The signing key is derived once a day and credential and then remembered: four HMACs fewer a request.
 */
import { createHmac, hash } from 'node:crypto';

const ALGORITHM = 'AWS4-HMAC-SHA256';
const DAY_CHARACTERS = 8;

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

export interface SignableRequest {
  readonly method: string;
  /** URI-encoded, absolute. */
  readonly path: string;
  /** Parameters encoded and sorted; empty for none. */
  readonly query: string;
  /** Every header to be signed, `host` and `x-amz-date` among them; names in lower case and in the order of their bytes. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** SHA-256 of the body in lower-case hex. */
  readonly bodySha256: string;
}

/** SHA-256 in lower-case hex. */
export function sha256Hex(bytes: Uint8Array | string): string {
  return hash('sha256', bytes, 'hex');
}

/** An instant in milliseconds since 1970 as SigV4 writes it: `20150830T123600Z`. */
export function amzDate(atMs: number): string {
  return `${new Date(atMs).toISOString().replaceAll(/[-:]/g, '').slice(0, 15)}Z`;
}

export class Signer {
  readonly #region: string;
  readonly #service: string;
  #key: Buffer = Buffer.alloc(0);
  #keyDay = '';
  #keySecret = '';

  constructor(region: string, service: string) {
    this.#region = region;
    this.#service = service;
  }

  /** The value of the `authorization` header. `date` is that of the request's `x-amz-date` header. */
  authorization(request: SignableRequest, date: string, credentials: AwsCredentials): string {
    const day = date.slice(0, DAY_CHARACTERS);
    const scope = `${day}/${this.#region}/${this.#service}/aws4_request`;
    let headers = '';
    let names = '';
    for (const [name, value] of request.headers) {
      headers += `${name}:${value}\n`;
      names += names === '' ? name : `;${name}`;
    }
    const { method, path, query, bodySha256 } = request;
    const canonical = `${method}\n${path}\n${query}\n${headers}\n${names}\n${bodySha256}`;
    const toSign = `${ALGORITHM}\n${date}\n${scope}\n${sha256Hex(canonical)}`;
    const signature = createHmac('sha256', this.#signingKey(day, credentials.secretAccessKey))
      .update(toSign)
      .digest('hex');
    return `${ALGORITHM} Credential=${credentials.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  }

  #signingKey(day: string, secret: string): Buffer {
    if (day !== this.#keyDay || secret !== this.#keySecret) {
      let key: Buffer | string = `AWS4${secret}`;
      for (const part of [day, this.#region, this.#service, 'aws4_request']) {
        key = createHmac('sha256', key).update(part).digest();
      }
      this.#key = key as Buffer;
      this.#keyDay = day;
      this.#keySecret = secret;
    }
    return this.#key;
  }
}
