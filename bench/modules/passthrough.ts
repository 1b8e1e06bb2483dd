/** The least that a module can do: it gives what it is given. What it costs is what modules cost. */
import type { ModuleInput, ModuleResult } from '../../src/kernel/modules/interface.ts';

export function record({ fields }: ModuleInput): ModuleResult {
  return {
    external_ref: fields['external_ref'] ?? '',
    debtor_name: fields['debtor_name'] ?? '',
    cpf: fields['cpf'] ?? '',
    amount: fields['amount'] ?? '',
    due_date: fields['due_date'] ?? '',
    debtor_email: fields['debtor_email'] ?? '',
    debtor_phone: fields['debtor_phone'] ?? '',
    creditor_name: fields['creditor_name'] ?? '',
    account_type: fields['account_type'] ?? '',
    installment: fields['installment'] ?? '',
  };
}
