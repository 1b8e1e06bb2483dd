/**
 * Mail to clients about their batches, in Portuguese and English, as text and as HTML: about one batch, or a digest of
 * many. What goes in is escaped for HTML; names of files come without what might be a CPF.
 */
import { faultText } from '../../core/catalogue.ts';
import { FAULTS, type FaultCode } from '../../core/faults.ts';
import { derivedId } from '../../core/ids.ts';
import { DEFAULT_LANGUAGE, type Language } from '../../core/language.ts';
import { centsText } from '../../core/text.ts';
import type { ClientNotify, NoticeKind } from '../../io/ports/clients.ts';
import type { Mail } from '../../io/ports/mail.ts';
import type { MailPayload } from '../notify.ts';

interface Words {
  readonly locale: string;
  readonly kind: Readonly<Record<NoticeKind, string>>;
  readonly digest: (batches: number) => string;
  /** Where not all of them have ended. */
  readonly notices: (count: number) => string;
  readonly columns: readonly [string, string, string, string, string];
  readonly outcomes: Readonly<Record<string, string>>;
  readonly dryRun: string;
  readonly rejects: (batch: string) => string;
  readonly amount: string;
  readonly approve: (batch: string, until: string) => string;
  readonly reason: string;
  readonly more: (batches: number) => string;
  readonly foot: string;
}

const WORDS: Readonly<Record<Language, Words>> = {
  'pt-BR': {
    locale: 'pt-BR',
    kind: {
      awaiting_approval: 'Remessa aguarda aprovação',
      completed: 'Remessa concluída',
      completed_with_rejects: 'Remessa concluída com rejeições',
      failed: 'Remessa não processada',
      cancelled: 'Remessa cancelada',
    },
    digest: (batches) => `${batches} remessas encerradas`,
    notices: (count) => `${count} avisos de remessas`,
    columns: ['Lote', 'Arquivo', 'Situação', 'Linhas', 'Rejeitadas'],
    outcomes: {
      total: 'Linhas',
      created: 'Criadas',
      updated: 'Atualizadas',
      unchanged: 'Sem alteração',
      duplicate: 'Duplicadas',
      rejected: 'Rejeitadas',
    },
    dryRun: 'Simulação: nenhuma dívida foi gravada.',
    rejects: (batch) => `As linhas rejeitadas estão no arquivo de rejeições do lote ${batch}.`,
    amount: 'Valor total',
    approve: (batch, until) =>
      `Nada foi registrado: o lote espera por aprovação até ${until} (horário de Brasília) e depois é cancelado. ` +
      `A prévia e a decisão estão na API (/v1/batches/${batch}/preview, /approve, /discard) e na linha de comando ` +
      `(remessa batch, approve, discard ${batch}).`,
    reason: 'Motivo',
    more: (batches) => `e mais ${batches}`,
    foot: 'Mensagem automática da Remessa. O recibo completo está na API e na linha de comando.',
  },
  en: {
    locale: 'en',
    kind: {
      awaiting_approval: 'File awaits approval',
      completed: 'File completed',
      completed_with_rejects: 'File completed with rejects',
      failed: 'File not processed',
      cancelled: 'File cancelled',
    },
    digest: (batches) => `${batches} files have ended`,
    notices: (count) => `${count} notices about files`,
    columns: ['Batch', 'File', 'Status', 'Lines', 'Rejected'],
    outcomes: {
      total: 'Lines',
      created: 'Created',
      updated: 'Updated',
      unchanged: 'Unchanged',
      duplicate: 'Duplicate',
      rejected: 'Rejected',
    },
    dryRun: 'Dry run: no debt was written.',
    rejects: (batch) => `The rejected lines are in the rejects file of batch ${batch}.`,
    amount: 'Total amount',
    approve: (batch, until) =>
      `Nothing is registered: the batch waits for approval until ${until} (Brasília time), and is cancelled then. ` +
      `The preview and the decision are in the API (/v1/batches/${batch}/preview, /approve, /discard) and on the command ` +
      `line (remessa batch, approve, discard ${batch}).`,
    reason: 'Reason',
    more: (batches) => `and ${batches} more`,
    foot: 'Automatic message from Remessa. The whole receipt is in the API and on the command line.',
  },
};

const ROWS_MAX = 100;
const FILE_CHARACTERS_MAX = 80;
const SUBJECT_CHARACTERS_MAX = 180;

/** The mail about one or more ends of one client's batches. Its id is derived from them, in any order. */
export function mailOf(payloads: readonly MailPayload[], client: string, to: NonNullable<ClientNotify['mail']>): Mail {
  const language = mailLanguage(payloads[0], to);
  const words = WORDS[language];
  const ids = payloads.map(({ notice }) => notice.id).sort();
  const [first] = payloads;
  const single = payloads.length === 1 && first !== undefined;
  const { title, text, html } = single ? aboutOne(first, words, language) : aboutMany(payloads, words);
  return {
    id: `m-${derivedId('mail', client, ...ids)}`,
    to: to.to,
    subject: `[${client}] ${title}`.slice(0, SUBJECT_CHARACTERS_MAX),
    text: `${title}\n\n${text}\n\n-- \n${words.foot}\n`,
    html: pageOf(title, html, words, language),
  };
}

/** That of the readers, where the client's settings say one; else that of the answers. */
export function mailLanguage(payload: MailPayload | undefined, to: NonNullable<ClientNotify['mail']>): Language {
  const language = to.language ?? payload?.language ?? DEFAULT_LANGUAGE;
  return language === 'pt' ? 'pt-BR' : language;
}

/** The code and what it says; where in the file, the receipt tells. */
function reasonText(code: string, language: Language): string {
  return code in FAULTS ? `${code}: ${faultText(code as FaultCode, language)}` : code;
}

interface Content {
  readonly title: string;
  readonly text: string;
  readonly html: string;
}

function aboutOne({ notice, file }: MailPayload, words: Words, language: Language): Content {
  const name = shortened(file);
  const rows: [string, string][] = [
    [words.columns[0], notice.batch],
    [words.columns[1], name],
  ];
  if (notice.code !== null) rows.push([words.reason, reasonText(notice.code, language)]);
  for (const [outcome, label] of Object.entries(words.outcomes)) {
    const count = notice.lines[outcome];
    if (typeof count === 'number') rows.push([label, numberText(count, words)]);
  }
  if (notice.kind === 'awaiting_approval') rows.push([words.amount, moneyText(notice.cents['total'] ?? '0', words)]);
  const remarks: string[] = [];
  if (notice.dryRun) remarks.push(words.dryRun);
  if (notice.kind === 'completed_with_rejects') remarks.push(words.rejects(notice.batch));
  if (notice.approveBefore !== undefined) {
    remarks.push(words.approve(notice.batch, instantText(notice.approveBefore, words)));
  }
  const width = Math.max(...rows.map(([label]) => label.length));
  const table = rows.map(([label, value]) => `${label.padEnd(width)}  ${value}`).join('\n');
  const cells = rows.map(
    ([label, value]) => `<tr><th align="left">${escaped(label)}</th><td>${escaped(value)}</td></tr>`,
  );
  return {
    title: `${words.kind[notice.kind]}: ${name}`,
    text: [table, ...remarks].join('\n\n'),
    html: `<table cellpadding="4">${cells.join('')}</table>${remarks.map((one) => `<p>${escaped(one)}</p>`).join('')}`,
  };
}

function aboutMany(payloads: readonly MailPayload[], words: Words): Content {
  const shown = payloads.slice(0, ROWS_MAX);
  const rows = shown.map(({ notice, file }) => [
    notice.batch,
    shortened(file),
    words.kind[notice.kind],
    numberText(Number(notice.lines['total'] ?? 0), words),
    numberText(Number(notice.lines['rejected'] ?? 0), words),
  ]);
  const counts = new Map<NoticeKind, number>();
  for (const { notice } of payloads) counts.set(notice.kind, (counts.get(notice.kind) ?? 0) + 1);
  const sums = [...counts].map(([kind, count]) => `${words.kind[kind]}: ${numberText(count, words)}`);
  const rest = payloads.length > shown.length ? [words.more(payloads.length - shown.length)] : [];
  const head = words.columns.map((column) => `<th align="left">${escaped(column)}</th>`).join('');
  const body = rows.map((row) => `<tr>${row.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`).join('');
  return {
    title: (counts.has('awaiting_approval') ? words.notices : words.digest)(payloads.length),
    text: [...sums, '', ...rows.map((row) => row.join('  ')), ...rest].join('\n'),
    html:
      `<ul>${sums.map((sum) => `<li>${escaped(sum)}</li>`).join('')}</ul>` +
      `<table cellpadding="4"><tr>${head}</tr>${body}</table>${rest.map((one) => `<p>${escaped(one)}</p>`).join('')}`,
  };
}

function pageOf(title: string, body: string, words: Words, language: Language): string {
  return (
    `<!doctype html><html lang="${language}"><head><meta charset="utf-8">` +
    `<title>${escaped(title)}</title></head><body style="font-family:sans-serif">` +
    `<h2>${escaped(title)}</h2>${body}<hr><p><small>${escaped(words.foot)}</small></p></body></html>`
  );
}

function shortened(file: string): string {
  const characters = [...file];
  return characters.length <= FILE_CHARACTERS_MAX ? file : `${characters.slice(0, FILE_CHARACTERS_MAX).join('')}…`;
}

function numberText(count: number, words: Words): string {
  return new Intl.NumberFormat(words.locale).format(count);
}

/** Exact, whatever the size: the number is given as text. */
function moneyText(cents: string, words: Words): string {
  const amount = centsText(BigInt(cents)) as Intl.StringNumericLiteral;
  return new Intl.NumberFormat(words.locale, { style: 'currency', currency: 'BRL' }).format(amount);
}

function instantText(at: string, words: Words): string {
  const form = { dateStyle: 'short', timeStyle: 'short', timeZone: 'America/Sao_Paulo' } as const;
  return new Intl.DateTimeFormat(words.locale, form).format(new Date(at));
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
