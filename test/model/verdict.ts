/**
 * What is right, said by a plain Map: the debts, receipts and retornos of a history that came to its end, and what may not
 * be left over. Knows nothing of how the engine works.
 */
import { OUTCOMES, type RecordCodeName } from '../../src/core/codes.ts';
import type { Batch } from '../../src/io/ports/registry.ts';
import { renderAnswer } from '../../src/stages/answers/answers.ts';
import { type LineValues, rowsOf } from '../support/files.ts';
import { MemoryRegistry } from '../support/memoryRegistry.ts';
import { type ModelDebt, type ModelOutcome, modelRegister, modelTotals } from '../support/model.ts';
import { wrongPreview } from './approvals.ts';
import { BAD_CPF } from './history.ts';
import { BUSINESS_DATE, type Ended, type Told } from './simulate.ts';

export interface Violation {
  /** One of few: what is made smaller stays the same violation. */
  readonly kind: 'end' | 'bug' | 'batch' | 'order' | 'answers' | 'debts' | 'told' | 'left';
  readonly says: string;
}

class Violated extends Error {
  readonly violation: Violation;

  constructor(violation: Violation) {
    super(violation.says);
    this.violation = violation;
  }
}

function expectThat(holds: boolean, kind: Violation['kind'], says: string): void {
  if (!holds) throw new Violated({ kind, says });
}

export async function verdictOf(ended: Ended): Promise<Violation | undefined> {
  try {
    checkBugs(ended);
    checkEnd(ended);
    checkBatches(ended);
    checkOrder(ended);
    await checkAnswersAndDebts(ended);
    checkTold(ended);
    checkLeft(ended);
    return undefined;
  } catch (error) {
    if (error instanceof Violated) return error.violation;
    throw error;
  }
}

/** Faults that say that the engine contradicts itself: no mishap excuses them. */
const CONTRADICTIONS: ReadonlySet<unknown> = new Set([
  'BUG',
  'EQUATIONS_FAIL',
  'OUTCOMES_DISAGREE',
  'RECORDS_DISAGREE',
]);
const UNHANDLED = /^(?:consumer\.handler_failed|sweep\.failed|message\.refused)$/;

function checkBugs({ world, replaced }: Ended): void {
  expectThat(replaced === undefined, 'bug', `a result that stood was replaced: ${replaced}`);
  for (const { name, fields } of world.events) {
    const says = `${name} ${JSON.stringify(fields)}`;
    // Late work reads what was freed under its hands; it is told apart, and does nothing.
    if (name === 'work.failed' && fields['verdict'] === 'batch had ended') continue;
    if (name === 'work.failed') expectThat(!CONTRADICTIONS.has(fields['code']), 'bug', says);
    else if (UNHANDLED.test(name)) expectThat(String(fields['error']).startsWith('SERVICE_IO'), 'bug', says);
  }
}

function checkEnd({ how, world, queue, steps }: Ended): void {
  const open = [...world.state.batches.values()].map(({ id, state, owed }) => `${id} ${state} [${owed.join()}]`);
  expectThat(how === 'over', 'end', `${how} after ${steps} steps: ${open.join('; ')}; queued ${queue.ids().join()}`);
}

function batchOf({ world }: Ended, told: Told): Batch {
  const batch = world.state.batches.get(told.id ?? '');
  if (batch === undefined) throw new Violated({ kind: 'batch', says: `${told.key} was accepted and is no batch` });
  return batch;
}

function checkBatches(ended: Ended): void {
  const { told, world, mishaps } = ended;
  expectThat(
    world.state.batches.size === told.length,
    'batch',
    `${world.state.batches.size} batches of ${told.length} files`,
  );
  for (const one of told) {
    const { state, failure, client } = batchOf(ended, one);
    const says = `${one.key}: ${state} ${failure?.code ?? ''}, asked to cancel: ${one.cancel ?? 'no'}`;
    expectThat(client === one.file.client, 'batch', `${one.key} is of ${client}`);
    checkCancelled(one, state, failure?.code);
    checkApproved(ended, one);
    if (state === 'failed') {
      const code = failure?.code ?? '';
      const broken = one.file.broken !== null && BROKEN_CODES.has(code);
      expectThat(broken || (code === 'WORK_POISONED' && mishaps.workersDied > 0), 'batch', says);
    } else if (state === 'completed') expectThat(one.file.broken === null, 'batch', says);
  }
  const finals = new Set<string>();
  for (const { batch, state } of world.state.history) {
    expectThat(!finals.has(batch), 'batch', `${batch} became ${state} after its end`);
    if (state === 'completed' || state === 'failed' || state === 'cancelled') finals.add(batch);
  }
}

/** A cancelled batch was cancelled by somebody: asked to, not approved, or let lie. Who was told so can rely on it. */
function checkCancelled(told: Told, state: string, code: string | undefined): void {
  const decided = (what: string): boolean => told.decisions.some((one) => one.what === what);
  const says = `${told.key}: ${state} ${code ?? ''}, asked to cancel: ${told.cancel ?? 'no'}, ${JSON.stringify(told.decisions)}`;
  expectThat(told.cancel !== 'cancelled' || state === 'cancelled', 'batch', says);
  expectThat(!decided('discarded') || code === 'DISCARDED', 'batch', says);
  if (state !== 'cancelled') return;
  expectThat(told.cancel === 'cancelled' || code !== 'CANCELLED', 'batch', says);
  expectThat(decided('discarded') === (code === 'DISCARDED'), 'batch', says);
  const lay = code === 'APPROVAL_EXPIRED';
  expectThat(!lay || (told.asked && !decided('approved')), 'batch', says);
  expectThat(lay || code === 'CANCELLED' || code === 'DISCARDED', 'batch', says);
}

/** Nothing registers that was to be approved and was not; and who was told that it is approved sees it register. */
function checkApproved(ended: Ended, told: Told): void {
  const { state, failure } = batchOf(ended, told);
  const approved = told.decisions.some(({ what }) => what === 'approved');
  const says = `${told.key}: ${state}, asked: ${told.asked}, approved: ${approved}`;
  if (state === 'completed') expectThat(approved === told.asked, 'batch', says);
  const excused = failure?.code === 'WORK_POISONED' || told.cancel === 'cancelled';
  expectThat(!approved || state === 'completed' || excused, 'batch', says);
}

const BROKEN_CODES: ReadonlySet<string> = new Set(['QUOTE_UNCLOSED', 'COLUMN_UNKNOWN', 'COLUMN_MISSING']);

/** Numbers follow acceptance, turns follow numbers, and no debt ever goes back to an earlier turn. */
function checkOrder(ended: Ended): void {
  for (const client of new Set(ended.told.map(({ file }) => file.client))) {
    const ofClient = ended.told.filter(({ file }) => file.client === client);
    for (const one of ofClient) {
      for (const other of ofClient) {
        for (const earlier of placesOf(ended, one)) {
          for (const later of placesOf(ended, other)) {
            if (earlier.to >= later.from) continue;
            const says = `${one.key} came to its place ${earlier.place} before ${other.key} came to ${later.place}`;
            expectThat(earlier.place < later.place, 'order', says);
          }
        }
      }
    }
    const turns = inLineOrder(ended, client).map(({ batch }) => batch.turn ?? -1);
    const rising = turns.every((turn, index) => turn > (turns[index - 1] ?? 0));
    expectThat(rising, 'order', `the turns of ${client}, by number: ${turns.join()}`);
  }
}

/** The places that a batch had in its line, with the steps between which it came to each. */
function placesOf(ended: Ended, told: Told): { readonly place: number; readonly from: number; readonly to: number }[] {
  const { number, acceptedNumber } = batchOf(ended, told);
  const accepted = { place: acceptedNumber, from: told.begunAt, to: told.acceptedAt };
  const approvals = told.decisions.filter(({ what }) => what === 'approved');
  if (approvals.length === 0) return [accepted];
  const from = Math.min(...approvals.map((one) => one.from));
  return [accepted, { place: number, from, to: Math.min(...approvals.map((one) => one.to)) }];
}

/** Those that registered, in the order in which they must have. */
function inLineOrder(ended: Ended, client: string): { readonly told: Told; readonly batch: Batch }[] {
  return ended.told
    .map((told) => ({ told, batch: batchOf(ended, told) }))
    .filter(({ batch }) => batch.client === client && batch.state === 'completed' && !batch.dryRun)
    .sort((a, b) => a.batch.number - b.batch.number);
}

async function checkAnswersAndDebts(ended: Ended): Promise<void> {
  const { world } = ended;
  for (const client of new Set(ended.told.map(({ file }) => file.client))) {
    const debts = new Map<string, ModelDebt>();
    const shown = ended.told.filter((told) => told.file.client === client);
    for (const { told, batch } of inLineOrder(ended, client)) {
      checkPreviews(ended, shown, batch.number, debts);
      const outcomes = modelRegister(debts, told.file.lines, runOf(told, batch, true));
      checkReceipt(told, batch, outcomes);
      await checkRetorno(ended, told, batch, outcomes);
    }
    checkPreviews(ended, shown, Number.POSITIVE_INFINITY, debts);
    const stored = world.debts.all(client).map((debt) => ({
      ref: debt.externalRef,
      cents: debt.amountCents,
      created: `${debt.createdBatch}:${debt.createdLine}`,
      changed: `${debt.changedBatch}:${debt.changedLine}`,
      turn: debt.turn,
    }));
    const right = [...debts.values()].map((debt) => ({
      ref: debt.ref,
      cents: debt.cents,
      created: `${debt.createdBatch}:${debt.createdLine}`,
      changed: `${debt.changedBatch}:${debt.changedLine}`,
      turn: debt.turn,
    }));
    const textOf = (all: readonly { readonly ref: string }[]): string =>
      JSON.stringify([...all].sort((a, b) => (a.ref < b.ref ? -1 : 1)));
    expectThat(
      textOf(stored) === textOf(right),
      'debts',
      `of ${client}: ${textOf(stored)}, by the model ${textOf(right)}`,
    );
  }
  for (const told of ended.told.filter(({ file }) => file.dryRun)) await checkDryRun(ended, told);
}

/** What was shown of batches that stood before this place is what they would have registered there. Takes them off the list. */
function checkPreviews({ world }: Ended, waiting: Told[], place: number, debts: ReadonlyMap<string, ModelDebt>): void {
  for (const told of [...waiting]) {
    const batch = world.state.batches.get(told.id ?? '');
    if (batch === undefined || batch.acceptedNumber > place) continue;
    waiting.splice(waiting.indexOf(told), 1);
    const body = world.state.results.get(batch.id)?.get('approval/0');
    const waited = batch.enteredMs.awaiting_approval !== undefined;
    expectThat(!waited || (body !== undefined && told.asked), 'answers', `${told.key} waited, and nothing is shown`);
    if (body === undefined) continue;
    const wrong = wrongPreview(body, modelRegister(new Map(debts), told.file.lines, runOf(told, batch, false)));
    expectThat(wrong === '', 'answers', `the preview of ${told.key}: ${wrong}`);
  }
}

/** A dry run may have seen any state on the way; what its lines are worth does not depend on it. */
async function checkDryRun(ended: Ended, told: Told): Promise<void> {
  const batch = batchOf(ended, told);
  if (batch.state !== 'completed') return;
  const outcomes = modelRegister(new Map(), told.file.lines, runOf(told, batch, false));
  const rows = await retornoOf(ended, batch);
  const isAccepted = (outcome: string): boolean =>
    outcome === 'created' || outcome === 'updated' || outcome === 'unchanged';
  const wanted = outcomes.map(
    ({ line, outcome, code }) => `${line} ${isAccepted(outcome) ? 'accepted' : outcome} ${code}`,
  );
  const got = rows.map(
    ([line, , outcome = '', code]) => `${line} ${isAccepted(outcome) ? 'accepted' : outcome} ${code}`,
  );
  expectThat(
    got.join() === wanted.join(),
    'answers',
    `dry run ${told.key}: ${got.join()}, by the model ${wanted.join()}`,
  );
}

function runOf({ file }: Told, batch: Batch, apply: boolean) {
  return {
    duplicates: file.duplicates,
    batch: batch.id,
    turn: batch.turn ?? 0,
    businessDate: BUSINESS_DATE,
    centsMin: batch.amountCentsMin,
    centsMax: batch.amountCentsMax,
    full: false,
    apply,
    refuses: ({ cpf }: LineValues): RecordCodeName | undefined => (cpf === BAD_CPF ? 'CPF_CHECK_DIGITS' : undefined),
  };
}

interface ReceiptJson {
  readonly lines: Readonly<Record<string, number>>;
  readonly cents: Readonly<Record<string, number>>;
  readonly rejectedBy: Readonly<Record<string, number>>;
}

function checkReceipt(told: Told, batch: Batch, outcomes: readonly ModelOutcome[]): void {
  const receipt = JSON.parse(batch.receipt ?? 'null') as ReceiptJson | null;
  const { lines, cents, rejectedBy } = modelTotals(outcomes);
  const got = OUTCOMES.map((outcome) => `${receipt?.lines[outcome]}/${receipt?.cents[outcome]}`);
  const wanted = OUTCOMES.map((_, index) => `${lines[index]}/${cents[index]}`);
  const says = `the receipt of ${told.key}: ${got.join()}, by the model ${wanted.join()}`;
  expectThat(got.join() === wanted.join(), 'answers', says);
  expectThat(receipt?.lines['total'] === outcomes.length, 'answers', says);
  const codes = (by: Readonly<Record<string, number>> | undefined): string =>
    JSON.stringify(Object.entries(by ?? {}).sort());
  expectThat(codes(receipt?.rejectedBy) === codes(rejectedBy), 'answers', `the codes of ${told.key}`);
}

async function checkRetorno(ended: Ended, told: Told, batch: Batch, outcomes: readonly ModelOutcome[]): Promise<void> {
  const got = (await retornoOf(ended, batch)).map(([line, ref, outcome, code]) => `${line} ${ref} ${outcome} ${code}`);
  const wanted = outcomes.map(({ line, ref, outcome, code }) => `${line} ${ref} ${outcome} ${code}`);
  expectThat(
    got.join() === wanted.join(),
    'answers',
    `the retorno of ${told.key}: ${got.join()}, by the model ${wanted.join()}`,
  );
}

async function retornoOf({ world }: Ended, batch: Batch): Promise<string[][]> {
  const stores = { registry: new MemoryRegistry(world.state), objects: world.objects };
  const blocks: Uint8Array[] = [];
  for await (const block of renderAnswer(stores, batch.id, 'retorno')) blocks.push(block.slice());
  return rowsOf(Buffer.concat(blocks).toString());
}

/** Every end was told, and that a batch waited: under one id each, however often, as what it was. */
function checkTold({ history, listener, world }: Ended): void {
  if (!history.notified) return;
  for (const batch of world.state.batches.values()) {
    const told = [...(listener.heard.get(batch.id) ?? [])];
    const wanted = batch.enteredMs.awaiting_approval === undefined ? 1 : 2;
    expectThat(told.length === wanted && listener.knows(batch), 'told', `${batch.id}: ${told.join()}`);
  }
}

/** Nothing is leased, staged or owed any more, but what attempts wrote that outlived their batch's freeing. */
function checkLeft(ended: Ended): void {
  const { world } = ended;
  const left = [...world.staging.batches(), ...world.objects.keys('parts/'), ...world.objects.keys('work/')];
  const orphaned = ended.mishaps.happened.some(({ kind }) => OUTLIVING.has(kind));
  expectThat(left.length === 0 || orphaned, 'left', `left over: ${left.join()}`);
  for (const batch of world.state.batches.values()) {
    const results = [...(world.state.results.get(batch.id)?.keys() ?? [])].filter(
      (key) => !key.startsWith('finish/') && !key.startsWith('approval/'),
    );
    const freed = !(batch.small && batch.state === 'completed');
    expectThat(!freed || results.length === 0 || orphaned, 'left', `results of ${batch.id}: ${results.join()}`);
  }
}

/** Mishaps by which a write can land after everything of its batch was freed. */
const OUTLIVING: ReadonlySet<string> = new Set(['crash', 'delay', 'twice', 'fail', 'lose']);
