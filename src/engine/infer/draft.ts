/** What the kinds of files have in common on the way to a profile: a draft, and what is known around the file. */
import type { Encoding } from '../../kernel/plan.ts';
import type { ProfileDocument } from '../../kernel/profile.ts';
import type { Assignment, Field } from './assign.ts';
import type { Contents } from './contents.ts';
import { type Findings, shownName } from './findings.ts';

export interface Draft {
  readonly document: ProfileDocument;
  readonly findings: Findings;
}

export interface Surroundings {
  readonly encoding: Encoding;
  /** `YYYY-MM-DD`. */
  readonly today: string;
  /** Fields of which values are references that are registered already, with how many of those looked up. */
  readonly registered?: (values: readonly string[]) => Promise<number>;
}

const LOOKED_UP = 50;

/** References of a client that are registered tell the column of references. */
export async function lookUp(
  fields: readonly Field[],
  assignment: Assignment,
  around: Surroundings,
  findings: Findings,
): Promise<void> {
  const { registered } = around;
  if (registered === undefined) return;
  const field = assignment.get('external_ref');
  const valuesOf = (contents: Contents): string[] => [...contents.values.keys()].slice(0, LOOKED_UP);
  const hits = await Promise.all(fields.map(({ contents }) => registered(valuesOf(contents))));
  const best = hits.indexOf(Math.max(...hits));
  const name = fields[best]?.name;
  const called = name === undefined ? `field ${best + 1}` : shownName(name);
  if ((hits[best] ?? 0) === 0) {
    findings.doubt(
      'columns.external_ref',
      '',
      'none of the references that were looked up is registered for this client',
    );
  } else if (best === field) {
    findings.decide(
      'columns.external_ref',
      called,
      `${hits[best]} of ${valuesOf((fields[best] as Field).contents).length} looked up are registered for this client`,
    );
  } else {
    findings.doubt(
      'columns.external_ref',
      called,
      `${hits[best]} of its values are references that are registered for this client: is it this one?`,
    );
  }
}
