/**
 * What a module of the operator's is: a file of TypeScript that says what becomes of each record of a client's files. It
 * exports `record`, and beside it what must be known before a file is read: `rejects`, `recordsMax`.
 *
 *   import type { ModuleInput, ModuleResult } from '…/interface.ts';   // types alone: nothing is left of it at run time
 *
 *   export const rejects = { ALREADY_PAID: { en: 'the contract is paid', 'pt-BR': 'o contrato está pago' } };
 *   export function record({ fields }: ModuleInput): ModuleResult { … }
 *
 * Rules: `record` is an ordinary function, and a pure one. Records of one file are read by several threads in any order, and
 * some of them more than once: what it answers depends on its input alone, not on a clock, on chance, or on what it saw
 * before. Whatever it answers is checked as any record is. Docs: docs/PROFILES.md.
 */
import type { Texts } from '../../core/language.ts';
import type { ColumnName } from '../columns.ts';

/** One record of the file. */
export interface ModuleInput {
  /** Physical line of its first byte, from 1. */
  readonly line: number;
  /**
   * Its fields by the names in the file's header, or those that the profile gives them: decoded, out of their quotes, not
   * trimmed. The object has no prototype: any name may be asked for.
   */
  readonly fields: Readonly<Record<string, string>>;
  /** The record as it stands in the file, decoded, without its line end. Only while `record` runs. */
  readonly raw: string;
}

/**
 * Values by column, written as the default format writes them (`1234.56`, `2026-08-31`). Of an optional column that is left out
 * the stored value is kept; an empty text or `null` clears it.
 */
export type ModuleRecord = { readonly [Name in ModuleColumn]?: string | null };

/**
 * The document is `cpf`; under a profile of CNPJs `cnpj`; under one that has both `document`, with one of the profile's words for
 * its kind as `document_kind`.
 */
export type ModuleColumn = ColumnName | 'cnpj' | 'document' | 'document_kind';

/** A record that is refused. Reference and amount are for the answers, where they are known. */
export interface ModuleReject {
  /** One of the module's `rejects`. */
  readonly reject: string;
  /** The column it is about. */
  readonly column?: ModuleColumn;
  readonly external_ref?: string | null;
  readonly amount?: string | null;
}

/** One record or several, in the order in which they stand in the answers. Never none: what is of no use is refused. */
export type ModuleResult = ModuleRecord | ModuleReject | readonly (ModuleRecord | ModuleReject)[];

/** A module that was loaded, as the kernel has it. */
export interface RecordModule {
  /** `record` of the module: may throw anything. */
  record(input: ModuleInput): unknown;
  /** Called before and after each record that the module has in hand: whoever watches sees which one takes too long. */
  enter(line: number): void;
  leave(): void;
  /** What may be told of something it threw: where, and of what kind; nothing that may be a value of the record. */
  describe(thrown: unknown): string;
}

/** A code of the module's own, and what it says. */
export interface ModuleCode {
  readonly name: string;
  readonly says: Texts;
}

/** What the plan knows of the module: frozen when the batch is picked. Plain data. */
export interface ModulePlan {
  readonly name: string;
  /** Of its source and of all it imports: the same everywhere the batch is read, or nothing is read. */
  readonly version: string;
  /** For each field of the file what it is called; an empty name is not given to the module. */
  readonly names: readonly string[];
  readonly encoding: 'utf-8' | 'windows-1252' | 'iso-8859-1';
  /** The most records that one record of the file becomes. */
  readonly recordsMax: number;
  readonly rejects: readonly ModuleCode[];
}

/** Of what one record of a file may become. */
export const MODULE_RECORDS_MAX = 200;
export const MODULE_CODES_MAX = 64;
export const MODULE_NAME = /^[a-z0-9][a-z0-9-]{0,39}$/;
export const MODULE_CODE = /^[A-Z][A-Z0-9_]{2,39}$/;

/** The ids of a module's own codes, in the parts of its batches: what they mean stands in the batch's manifest. */
const MODULE_CODES_FROM = 192;

export function moduleCodeId(index: number): number {
  return MODULE_CODES_FROM + index;
}

/** The module's code of an id; `undefined` where it is none of a module's. */
export function moduleCodeOf(plan: ModulePlan | undefined, id: number): ModuleCode | undefined {
  return plan?.rejects[id - MODULE_CODES_FROM];
}
