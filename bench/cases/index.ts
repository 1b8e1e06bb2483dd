/** The cases by name, each loaded only in the process that runs it. */
import type { Case } from './case.ts';

const CASES = {
  scan: async () => (await import('./scan.ts')).scanCase,
  records: async () => (await import('./records.ts')).recordsCase,
  staging: async () => (await import('./staging.ts')).stagingCase,
  ingest: async () => (await import('./ingest.ts')).ingestCase,
  'csv-parser': async () => (await import('./csvParser.ts')).csvParserCase,
  duckdb: async () => (await import('./duckdb.ts')).duckdbCase,
  wc: async () => (await import('./wc.ts')).wcCase,
  'sqlite-import': async () => (await import('./sqliteImport.ts')).sqliteImportCase,
} as const satisfies Record<string, () => Promise<Case>>;

export type CaseName = keyof typeof CASES;
export const CASE_NAMES = Object.keys(CASES) as CaseName[];

export function loadCase(name: CaseName): Promise<Case> {
  return CASES[name]();
}
