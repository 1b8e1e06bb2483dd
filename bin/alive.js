#!/usr/bin/env node
// Whether a daemon lives: `alive.js FILE SECONDS` exits 0 where the file that `serve --alive-file` renews is no older.
import { statSync } from 'node:fs';
import process from 'node:process';

const [file = '', secondsMax = ''] = process.argv.slice(2);
if (file === '' || !/^\d+$/.test(secondsMax)) {
  process.stderr.write('usage: alive.js FILE SECONDS\n');
  process.exitCode = 2;
} else {
  const renewed = statSync(file, { throwIfNoEntry: false });
  const seconds = renewed === undefined ? Number.POSITIVE_INFINITY : (Date.now() - renewed.mtimeMs) / 1000;
  if (seconds > Number(secondsMax)) {
    process.stderr.write(
      renewed === undefined ? 'no sign of life\n' : `the last sign of life is ${Math.floor(seconds)} s old\n`,
    );
    process.exitCode = 1;
  }
}
