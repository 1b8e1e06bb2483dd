/**
 * The engine's settings as a task's environment. Keys are those of src/config/schema.ts: a test loads what stands here with
 * the engine's own loader, so a setting that is renamed there cannot stay here.
 */
import { SETTINGS } from '../src/config/schema.ts';

export interface SettingsInput {
  readonly prefix: string;
  readonly bucket: string;
  readonly region: string;
  readonly mailFrom?: string | undefined;
  readonly httpPort: number;
}

export interface EngineSettings {
  readonly environment: Readonly<Record<string, string>>;
  readonly leaseSeconds: number;
  readonly receivesMax: number;
}

/** SQS counts at most so many deliveries. */
const RECEIVES_MAX = 1000;

export function engineSettings(_input: SettingsInput): EngineSettings {
  return {
    environment: {
      [SETTINGS.receivesMax.key]: String(RECEIVES_MAX),
      [SETTINGS.clientsOpen.key]: 'no',
    },
    leaseSeconds: SETTINGS.leaseMs.default / 1000,
    receivesMax: RECEIVES_MAX,
  };
}
