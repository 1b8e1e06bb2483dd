/** How the commands write things down: tables and long outputs; the rest is `core/text`. */
import type { Output } from './context.ts';

export {
  centsText,
  exactJsonText,
  fileNameText,
  instantText,
  parseExactJson,
  printable,
  readCents,
} from '../core/text.ts';

/** Lines of columns, each as wide as its widest cell; the last one is left as it is. */
export function tableText(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) =>
    rows.reduce((width, row) => Math.max(width, widthOf(row[column] ?? '')), widthOf(title)),
  );
  const line = (cells: readonly string[]): string =>
    widths
      .map((width, column) => {
        const cell = cells[column] ?? '';
        return column === widths.length - 1 ? cell : cell + ' '.repeat(width - widthOf(cell));
      })
      .join('  ')
      .trimEnd();
  return [header, ...rows].map((cells) => `${line(cells)}\n`).join('');
}

function widthOf(text: string): number {
  return [...text].length;
}

const CHUNK_CHARACTERS = 64 * 1024;

/** Gathers lines and writes them in large chunks, each after the last was taken. */
export function createLineWriter(output: Output): { line(text: string): Promise<void>; flush(): Promise<void> } {
  let gathered = '';
  const flush = async (): Promise<void> => {
    const text = gathered;
    gathered = '';
    if (text !== '') await output.write(text);
  };
  return {
    async line(text) {
      gathered += `${text}\n`;
      if (gathered.length >= CHUNK_CHARACTERS) await flush();
    },
    flush,
  };
}
