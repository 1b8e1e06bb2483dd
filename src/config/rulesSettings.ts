/** The settings of the rules service: a part of the table in schema.ts, which is where they are used from. */
import type { SettingSpec } from './specs.ts';

const KiB = 1024;

/** Requests that a process has under way to the rules service at once. */
export const RULES_CONNECTIONS = 4;

/** `http(s)://host[:port]/…`, in which `{client}` and `{profile}` stand for those of a batch; neither user nor fragment. */
const TEMPLATE =
  /^https?:\/\/(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?\/(?:[A-Za-z0-9._~!$&'()*+,;=:@%/?-]|\{(?:client|profile)\}){0,1000}$/;
/** Of HTTP itself, or of the conditions under which a document is asked for: these are not given by a setting. */
const HEADER_NAME =
  /^(?!(?:host|connection|content-length|transfer-encoding|upgrade|expect|keep-alive|te|trailer|if-none-match|accept|accept-encoding|user-agent)$)[A-Za-z0-9-]{1,64}$/i;

export const RULES_SETTINGS = {
  rulesUrl: {
    key: 'REMESSA_RULES_URL',
    type: 'text',
    pattern: TEMPLATE,
    says: 'http(s)://host[:port]/… with {profile}, and {client} where documents differ by client',
    default: '',
    means:
      'the rules service: where the document of a profile is asked for when a batch is picked; empty for profiles of this installation alone',
  },
  rulesHeader: {
    key: 'REMESSA_RULES_HEADER',
    type: 'text',
    pattern: HEADER_NAME,
    says: 'the name of a header',
    default: 'authorization',
    means: 'the header that carries REMESSA_RULES_TOKEN',
  },
  rulesToken: {
    key: 'REMESSA_RULES_TOKEN',
    type: 'secret',
    lengthMin: 8,
    default: '',
    means: 'the value of that header, whole, such as `Bearer …`',
  },
  rulesMs: {
    key: 'REMESSA_RULES_MS',
    type: 'ms',
    min: 50,
    max: 60_000,
    default: 3000,
    means: 'how long the rules service may take, from the connection to the last byte',
  },
  rulesBytesMax: {
    key: 'REMESSA_RULES_BYTES_MAX',
    type: 'bytes',
    min: 1 * KiB,
    max: 256 * KiB,
    default: 32 * KiB,
    means: 'the largest document that is taken from the rules service',
  },
  rulesFreshMs: {
    key: 'REMESSA_RULES_FRESH_MS',
    type: 'ms',
    min: 0,
    max: 86_400_000,
    default: 10_000,
    means: 'how long what the rules service answered holds before it is asked again; 0 asks for every batch',
  },
  rulesRetryMs: {
    key: 'REMESSA_RULES_RETRY_MS',
    type: 'ms',
    min: 0,
    max: 3_600_000,
    default: 5000,
    means: 'how long a rules service that failed is left alone: no batch waits for it a second time meanwhile',
  },
  rulesWaitMs: {
    key: 'REMESSA_RULES_WAIT_MS',
    type: 'ms',
    min: 0,
    max: 86_400_000,
    default: 900_000,
    means:
      'how long after its acceptance a batch waits for rules of which there is no earlier version, before it fails',
  },
  rulesCacheMax: {
    key: 'REMESSA_RULES_CACHE_MAX',
    type: 'count',
    min: 1,
    max: 100_000,
    default: 500,
    means: 'profiles of which the last answer of the rules service is remembered in memory',
  },
} as const satisfies Record<string, SettingSpec>;
