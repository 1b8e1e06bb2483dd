/**
 * A module that reads booklets of instalments: one line of the client's file is a contract, and becomes one debt for each of
 * its instalments. Run its cases with `remessa profile test examples/modules/carnes.profile.json`.
 *
 *   CONTRATO;CLIENTE;DOC;TOTAL;PARCELAS;PRIMEIRO;SITUACAO
 *   77-A;José da Silva;529.982.247-25;1.000,00;3;31/01/2026;ABERTO
 */
import type { ModuleInput, ModuleResult } from '../../src/kernel/modules/interface.ts';
import { monthsLater, readDate } from './lib/dates.ts';
import { centsText, readCents } from './lib/money.ts';

const INSTALMENTS_MAX = 120;

/** The most records that one line becomes. */
export const recordsMax = INSTALMENTS_MAX;

/** What this module refuses, by codes of its own. */
export const rejects = {
  CONTRACT_PAID: { en: 'the contract is paid', 'pt-BR': 'o contrato está quitado' },
  TOTAL_UNREADABLE: { en: 'the total is no amount such as 1.234,56', 'pt-BR': 'o total não é um valor como 1.234,56' },
  INSTALMENTS_WRONG: {
    en: 'the number of instalments is not from 1 to 120',
    'pt-BR': 'o número de parcelas não está entre 1 e 120',
  },
  FIRST_DATE_WRONG: { en: 'the first date is no day', 'pt-BR': 'a primeira data não é um dia' },
};

export function record({ fields }: ModuleInput): ModuleResult {
  const contract = (fields['CONTRATO'] ?? '').trim();
  if (fields['SITUACAO']?.trim() === 'QUITADO') return { reject: 'CONTRACT_PAID', external_ref: contract };
  const total = readCents(fields['TOTAL'] ?? '');
  if (total === undefined) return { reject: 'TOTAL_UNREADABLE', column: 'amount', external_ref: contract };
  const count = Number(fields['PARCELAS']);
  if (!Number.isInteger(count) || count < 1 || count > INSTALMENTS_MAX) {
    return { reject: 'INSTALMENTS_WRONG', column: 'installment', external_ref: contract, amount: centsText(total) };
  }
  const first = readDate(fields['PRIMEIRO'] ?? '');
  if (first === undefined) return { reject: 'FIRST_DATE_WRONG', column: 'due_date', external_ref: contract };
  // The last instalment carries what does not divide: the instalments sum to the total, to the cent.
  const each = Math.floor(total / count);
  return Array.from({ length: count }, (_, index) => ({
    external_ref: `${contract}/${index + 1}`,
    debtor_name: fields['CLIENTE'] ?? '',
    cpf: (fields['DOC'] ?? '').trim(),
    amount: centsText(index + 1 < count ? each : total - each * (count - 1)),
    due_date: monthsLater(first, index),
    installment: `${index + 1}/${count}`,
  }));
}
