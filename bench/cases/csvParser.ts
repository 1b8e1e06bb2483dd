/** Peer of `records` on one thread: csv-parser makes a row of strings of each record, plain JavaScript checks it. No packing. */
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import csvParser from 'csv-parser';
import type { Case } from './case.ts';
import { checkRow, type Row } from './peerChecks.ts';
import { PeerSums } from './peerSums.ts';

const READ_BYTES = 1024 * 1024;

export const csvParserCase: Case = {
  apart: false,
  async open({ path }) {
    return {
      async pass() {
        const sums = new PeerSums();
        await pipeline(createReadStream(path, { highWaterMark: READ_BYTES }), csvParser(), async (rows) => {
          for await (const row of rows) {
            const { code, cents } = checkRow(row as Row);
            sums.add(code, cents);
          }
        });
        return { found: sums.facts() };
      },
      async close() {},
    };
  },
};
