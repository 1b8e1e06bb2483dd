/** The shape of a setting: what the tables of settings are made of. */

/** What a default may be computed from. */
export interface DefaultBasis {
  /** Processors this process may use. */
  readonly parallelism: number;
  readonly leaseMs: number;
  readonly shardRecords: number;
  readonly shardsMax: number;
}

export interface DerivedDefault {
  readonly says: string;
  from(basis: DefaultBasis): number;
}

interface SpecOfAny {
  readonly key: string;
  readonly means: string;
}

/** `bytes` and `ms` may be written with a suffix (`8MiB`, `30000ms`); `count` and `ratio` are bare integers. */
export interface NumberSpec extends SpecOfAny {
  readonly type: 'bytes' | 'ms' | 'count' | 'ratio';
  /** Both inclusive. */
  readonly min: number;
  readonly max: number;
  readonly default: number | DerivedDefault;
}

export interface ChoiceSpec extends SpecOfAny {
  readonly type: 'choice';
  readonly choices: readonly string[];
  readonly default: string;
}

export interface PathSpec extends SpecOfAny {
  readonly type: 'path';
  readonly default: string;
}

/** A text of a certain form; the empty default means that there is none. */
export interface TextSpec extends SpecOfAny {
  readonly type: 'text';
  readonly pattern: RegExp;
  /** The form, for people. */
  readonly says: string;
  readonly default: string;
}

/** A text that is never shown. */
export interface SecretSpec extends SpecOfAny {
  readonly type: 'secret';
  readonly lengthMin: number;
  readonly default: '';
}

export type SettingSpec = NumberSpec | ChoiceSpec | PathSpec | TextSpec | SecretSpec;
