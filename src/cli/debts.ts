/**
 * `remessa debts`: the registered debts of a client, one JSON object a line. It is the one command that shows documents.
 */
import type { Command } from 'commander';
import type { DebtFilter, StoredDebt } from '../io/ports/debts.ts';
import { documentView } from '../stages/batch/views.ts';
import { referenceFilter } from '../stages/debts/references.ts';
import type { CliContext } from './context.ts';
import { centsText, createLineWriter } from './format.ts';
import { addDocumentOptions, clientOf, type DocumentOptions, documentOf, withStores } from './reading.ts';

interface DebtsOptions extends DocumentOptions {
  readonly client: string;
  readonly externalRef?: string;
}

export function addDebtsCommand(program: Command, context: CliContext, exit: (code: number) => void): void {
  const command = program
    .command('debts')
    .description('print registered debts, one JSON object a line')
    .requiredOption('--client <id>', 'whose debts');
  addDocumentOptions(command, 'only those of one debtor')
    .option('--external-ref <ref>', 'only the one with this reference')
    .action(async (options: DebtsOptions) => {
      const document = documentOf(options);
      const ofDocument: DebtFilter = document === undefined ? {} : { document };
      await withStores(context, 'read', async (stores) => {
        await clientOf(stores, options.client);
        const filter: DebtFilter = { ...ofDocument, ...(await referenceFilter(stores.registry, options.externalRef)) };
        const lines = createLineWriter(context.stdout);
        for await (const debt of stores.debts.list(options.client, filter)) {
          context.signal.throwIfAborted();
          await lines.line(debtJson(debt));
        }
        await lines.flush();
      });
      exit(0);
    });
}

/** One debt as a line of JSON: the amount is exact decimal text, optional columns are null where they are empty. */
export function debtJson(debt: StoredDebt): string {
  return JSON.stringify({
    client: debt.client,
    external_ref: debt.externalRef,
    debtor_name: debt.debtorName,
    ...documentView(debt.document),
    amount: centsText(debt.amountCents),
    due_date: debt.dueDate,
    debtor_email: debt.debtorEmail,
    debtor_phone: debt.debtorPhone,
    creditor_name: debt.creditorName,
    account_type: debt.accountType,
    installment: debt.installment,
    created: { batch: debt.createdBatch, line: debt.createdLine },
    changed: { batch: debt.changedBatch, line: debt.changedLine },
    turn: debt.turn,
  });
}
