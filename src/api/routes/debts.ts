/**
 * /v1/debts: the registered debts of a client. A look-up by document is a POST, so that none stands in a URL; cursors name
 * a debt by its reference, never by its document.
 */
import type { FastifyInstance } from 'fastify';
import { readDocument } from '../../core/documents.ts';
import type { DebtFilter, StoredDebt } from '../../io/ports/debts.ts';
import { referenceFilter } from '../../stages/debts/references.ts';
import { clientOf } from '../auth.ts';
import type { ApiContext } from '../context.ts';
import { debtSchema, documentSearch, pageQuery, pageSchema, problemSchema } from '../schemas.ts';
import { decodeCursor, encodeCursor } from '../services/cursors.ts';
import { type Answer, answerAnew, send } from '../services/idempotent.ts';
import { debtView, pageJson } from '../services/views.ts';

interface List {
  readonly Querystring: { readonly limit: number; readonly cursor?: string; readonly external_ref?: string };
}

interface Search {
  readonly Body: {
    readonly cpf?: string;
    readonly cnpj?: string;
    readonly limit: number;
    readonly cursor?: string;
  };
}

const CURSOR = ['number', 'string'] as const;
const tags = ['debts'];
const errors = { '4XX': problemSchema, '5XX': problemSchema };

export function debtRoutes(app: FastifyInstance, context: ApiContext): void {
  app.get<List>(
    '/debts',
    {
      schema: {
        tags,
        summary: 'List debts, or look one up by external_ref',
        querystring: pageQuery(1000, 100, {
          external_ref: {
            type: 'string',
            minLength: 1,
            maxLength: 256,
            description: 'only the debt with this reference',
          },
        }),
        response: { 200: pageSchema(debtSchema), ...errors },
      },
    },
    async (request, reply) => {
      const client = clientOf(request);
      const { limit, cursor, external_ref: externalRef } = request.query;
      if (externalRef === undefined) return send(reply, await pageOf(client, {}, 'debts', limit, cursor));
      const filter = await referenceFilter(context.registry, externalRef);
      return send(reply, await pageOf(client, filter, 'debts', 1, undefined));
    },
  );

  app.post<Search>(
    '/debts/search',
    {
      schema: {
        tags,
        summary: 'The debts of one CPF or CNPJ',
        body: documentSearch,
        response: { 200: pageSchema(debtSchema), ...errors },
      },
    },
    async (request, reply) => {
      const client = clientOf(request);
      const { cpf, cnpj = '', limit, cursor } = request.body;
      // The schema let through what can be read.
      const document = (cpf === undefined ? readDocument('cnpj', cnpj) : readDocument('cpf', cpf)) ?? '';
      const filter = { document };
      return await answerAnew(context, request, reply, () => pageOf(client, filter, 'search', limit, cursor));
    },
  );

  async function pageOf(
    client: string,
    filter: DebtFilter,
    list: string,
    limit: number,
    cursor: string | undefined,
  ): Promise<Answer> {
    const [refHash, externalRef] = cursor === undefined ? [] : decodeCursor(list, cursor, CURSOR);
    const after = { refHash: refHash as number, externalRef: externalRef as string };
    const page: StoredDebt[] = [];
    // A reference that was never given a hash cannot be a debt's: no debt was registered yet.
    const isUnknown = filter.externalRef !== undefined && filter.refHash === undefined;
    const debts = context.debts.list(client, cursor === undefined ? filter : { ...filter, after });
    if (!isUnknown) {
      for await (const debt of debts) {
        page.push(debt);
        if (page.length === limit) break;
      }
    }
    const last = filter.externalRef === undefined && page.length === limit ? page.at(-1) : undefined;
    const next = last === undefined ? null : encodeCursor(list, [last.refHash, last.externalRef]);
    return { status: 200, body: pageJson(page.map(debtView), next) };
  }
}
