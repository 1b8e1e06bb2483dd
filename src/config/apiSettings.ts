/** The settings of the input API: a part of the table in schema.ts, which is where they are used from. */
import type { SettingSpec } from './specs.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export const API_SETTINGS = {
  httpHost: {
    key: 'REMESSA_HTTP_HOST',
    type: 'text',
    pattern: /^[0-9A-Za-z.:-]{1,255}$/,
    says: 'an address or host name',
    default: '127.0.0.1',
    means: 'the address on which the input API listens; 0.0.0.0 or :: for every one',
  },
  httpPort: {
    key: 'REMESSA_HTTP_PORT',
    type: 'count',
    min: 0,
    max: 65_535,
    default: 8080,
    means: 'the port of the input API; 0 takes a free one, which the log tells',
  },
  httpBodyBytesMax: {
    key: 'REMESSA_HTTP_BODY_BYTES_MAX',
    type: 'bytes',
    min: 1 * KiB,
    max: 64 * MiB,
    default: 2 * MiB,
    means: 'the largest JSON body of a request; files have REMESSA_FILE_BYTES_MAX',
  },
  httpHeaderBytesMax: {
    key: 'REMESSA_HTTP_HEADER_BYTES_MAX',
    type: 'bytes',
    min: 2 * KiB,
    max: 256 * KiB,
    default: 16 * KiB,
    means: 'the most bytes of the headers of a request',
  },
  httpHeaderMs: {
    key: 'REMESSA_HTTP_HEADER_MS',
    type: 'ms',
    min: 100,
    max: 600_000,
    default: 10_000,
    means: 'how long the headers of a request may take to come in',
  },
  httpBodyMs: {
    key: 'REMESSA_HTTP_BODY_MS',
    type: 'ms',
    min: 100,
    max: 3_600_000,
    default: 30_000,
    means: 'how long a JSON body may take to come in, and how long a file may stand still',
  },
  httpConnectionsMax: {
    key: 'REMESSA_HTTP_CONNECTIONS_MAX',
    type: 'count',
    min: 1,
    max: 65_535,
    default: 1024,
    means: 'the most connections that are open at once; later ones are closed',
  },
  httpUploadsMax: {
    key: 'REMESSA_HTTP_UPLOADS_MAX',
    type: 'count',
    min: 1,
    max: 1024,
    default: 16,
    means: 'the most files that come in at once; later ones are answered 429',
  },
  httpClientRate: {
    key: 'REMESSA_HTTP_CLIENT_RATE',
    type: 'count',
    min: 1,
    max: 1_000_000,
    default: 50_000,
    means: 'requests a second that one client may make; the rest is answered 429 with Retry-After',
  },
  httpClientBurst: {
    key: 'REMESSA_HTTP_CLIENT_BURST',
    type: 'count',
    min: 1,
    max: 1_000_000,
    default: 50_000,
    means: 'requests that one client may make at once, above its rate',
  },
  httpCorsOrigins: {
    key: 'REMESSA_HTTP_CORS_ORIGINS',
    type: 'text',
    pattern: /^https?:\/\/[^\s,/]+(?:,https?:\/\/[^\s,/]+)*$/,
    says: 'origins such as https://app.example, separated by commas',
    default: '',
    means: 'the origins whose pages may call the API; none by default',
  },
  submissionLinesMax: {
    key: 'REMESSA_SUBMISSION_LINES_MAX',
    type: 'count',
    min: 1,
    max: 10_000_000,
    default: 100_000,
    means: 'the most lines of one submission',
  },
  submissionBytesMax: {
    key: 'REMESSA_SUBMISSION_BYTES_MAX',
    type: 'bytes',
    min: 1 * KiB,
    max: 1024 * MiB,
    default: 64 * MiB,
    means: 'the most bytes of the lines of one submission',
  },
  submissionsOpenMax: {
    key: 'REMESSA_SUBMISSIONS_OPEN_MAX',
    type: 'count',
    min: 1,
    max: 100_000,
    default: 1000,
    means: 'the most open submissions of one client',
  },
  submissionIdleMs: {
    key: 'REMESSA_SUBMISSION_IDLE_MS',
    type: 'ms',
    min: 100,
    max: 30 * DAY_MS,
    default: DAY_MS,
    means: 'how long a submission may be left alone before it expires with its lines',
  },
  idempotencyKeepMs: {
    key: 'REMESSA_IDEMPOTENCY_KEEP_MS',
    type: 'ms',
    min: DAY_MS,
    max: 30 * DAY_MS,
    default: 2 * DAY_MS,
    means: 'how long the answer to an Idempotency-Key is kept',
  },
} as const satisfies Record<string, SettingSpec>;

/** JSON bodies that are in hand at once, in the largest that one may be; what comes above is told to come again. */
export const BODIES_IN_HAND = 4;
