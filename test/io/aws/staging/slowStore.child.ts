/**
 * Stages so many bytes of pages in a table that takes its time (`argv`: endpoint, bytes), and says by how much the process
 * grew meanwhile. A process of its own, because its memory is what is measured.
 */
import { openOn } from '../support.ts';

const PAGE_BYTES = 64 * 1024;
const [endpoint = '', bytes = '0'] = process.argv.slice(2);

const data = openOn(endpoint, { inFlightMax: 6, headersMs: 60_000, writeUnitsPerSecondMin: 1e9 });
const page = new Uint8Array(PAGE_BYTES);
let state = 1;
function fill(): void {
  for (let at = 0; at < page.length; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    page[at] = state >>> 24;
  }
}
const writer = await data.staging.open('b-1', 0, 'a1');
const pages = Math.ceil(Number(bytes) / PAGE_BYTES);
/** Code is compiled, buffers are made. */
const warm = Math.ceil(pages / 10);
let before = 0;
for (let k = 0; k < pages; k++) {
  if (k === warm) before = process.resourceUsage().maxRSS;
  fill();
  await writer.write(k % 7, page);
}
await writer.commit();
const grew = (process.resourceUsage().maxRSS - before) * 1024;
await data.close();
process.stdout.write(JSON.stringify({ grew }));
