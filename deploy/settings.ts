/**
 * The engine's settings as a task's environment, and what of them the stack itself must know. Keys are written out: a test
 * loads what stands here with the engine's own loader, so one that is renamed there cannot stay here.
 */
import { SETTINGS } from '../src/config/schema.ts';

export interface SettingsInput {
  readonly prefix: string;
  readonly bucket: string;
  readonly region: string;
  readonly httpPort: number;
  /** The sender of mails, verified in SES; without one no mail is sent. */
  readonly mailFrom?: string | undefined;
  /** Where the rules service is asked; without one it is not. */
  readonly rulesUrl?: string | undefined;
}

/** Deliveries after which a message is dead: the most that SQS counts to. It is the backstop, not what judges work. */
export const RECEIVES_MAX = 1000;
/** The engine's lease: what a message's visibility is where a receiver does not say. */
export const LEASE_SECONDS = SETTINGS.leaseMs.default / 1000;
/** Comes from the secrets manager, never from the template. */
export const DOCUMENT_SECRET_KEY = 'REMESSA_AWS_DOCUMENT_SECRET';
export const DOCUMENT_SECRET_LENGTH = 64;
/** The same, made by somebody else. */
export const RULES_TOKEN_KEY = 'REMESSA_RULES_TOKEN';

export function engineSettings({
  prefix,
  bucket,
  region,
  httpPort,
  mailFrom,
  rulesUrl,
}: SettingsInput): Record<string, string> {
  return {
    REMESSA_DRIVER: 'aws',
    REMESSA_AWS_REGION: region,
    REMESSA_AWS_PREFIX: prefix,
    REMESSA_AWS_BUCKET: bucket,
    // Inside the network of the task; what reaches it is the security group's matter.
    REMESSA_HTTP_HOST: '0.0.0.0',
    REMESSA_HTTP_PORT: String(httpPort),
    // Lines in the log, of which CloudWatch makes metrics by itself: nothing is called, so nothing needs a permission.
    REMESSA_METRICS: 'emf',
    REMESSA_METRICS_NAMESPACE: prefix,
    // The topic is there for whoever subscribes.
    REMESSA_EVENTS: 'sns',
    // Without a sender a delivery by mail is refused by SES, and says so; a task's folder would lose it silently.
    REMESSA_MAIL: 'ses',
    ...(mailFrom === undefined ? {} : { REMESSA_MAIL_FROM: mailFrom }),
    ...(rulesUrl === undefined ? {} : { REMESSA_RULES_URL: rulesUrl }),
    REMESSA_RECEIVES_MAX: String(RECEIVES_MAX),
    // A client exists once someone has added it: in a bucket, anyone who may write could invent one.
    REMESSA_CLIENTS_OPEN: 'no',
  };
}
