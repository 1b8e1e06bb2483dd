/**
 * The yardstick of a whole ingest, a process of its own: reads the file line by line as strings and inserts the fields by
 * bound parameters into one SQLite table under the pragmas of the program's debts table. Prints how many rows it has.
 *
 * Lines that end inside quotes are taken as they are: what matters is that it is always the same work.
 */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { DatabaseSync } from 'node:sqlite';

const COLUMNS = 10;
const ROWS_A_TRANSACTION = 16_384;

function load(path: string, database: string): number {
  const db = new DatabaseSync(database);
  db.exec('PRAGMA page_size = 8192');
  db.exec('PRAGMA journal_mode = WAL');
  db.exec('PRAGMA synchronous = FULL');
  db.exec('PRAGMA wal_autocheckpoint = 4000');
  db.exec('PRAGMA cache_size = -16384');
  const names = Array.from({ length: COLUMNS }, (_, i) => `c${i}`);
  db.exec(`CREATE TABLE plain (${names.map((name) => `${name} TEXT`).join(', ')}) STRICT`);
  const insert = db.prepare(`INSERT INTO plain VALUES (${names.map(() => '?').join(', ')})`);
  const bytes = readFileSync(path);
  const values = new Array<string | null>(COLUMNS).fill(null);
  let rows = 0;
  let start = 0;
  for (let end = bytes.indexOf(0x0a); end >= 0; end = bytes.indexOf(0x0a, start)) {
    if (rows % ROWS_A_TRANSACTION === 0) db.exec(rows === 0 ? 'BEGIN' : 'COMMIT; BEGIN');
    const fields = bytes.toString('utf8', start, end).split(',');
    for (let i = 0; i < COLUMNS; i++) values[i] = fields[i] ?? null;
    insert.run(...values);
    rows++;
    start = end + 1;
  }
  db.exec('COMMIT');
  db.close();
  return rows;
}

const [path = '', database = ''] = process.argv.slice(2);
process.stdout.write(String(load(path, database)));
