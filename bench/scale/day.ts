/**
 * A day, minute by minute: lines come by the hour, are staged and then registered, each as fast as tasks and tables allow;
 * tasks follow the backlog by the rule that the stack scales by.
 *
 * A fluid model: lines are a quantity, not single records, and all lines of a minute are alike. What leaves a stage is what
 * it had, at most what it can do in the minute; what is left waits. Lines are conserved: came = registered + waiting.
 */
import { backlogPerTask, ROLE_GROUPS, type RoleGroup, threadsOf } from '../../deploy/groups.ts';
import { assert } from '../../src/core/assert.ts';
import type { Line, Rates } from './model.ts';

/** Shares of the day's lines by hour: nights little, most in the first hours of business. */
export const BUSINESS_DAY: readonly number[] = [
  1, 1, 1, 1, 1, 2, 4, 8, 14, 16, 12, 8, 6, 6, 5, 4, 3, 2, 1, 1, 1, 1, 0.5, 0.5,
];

export interface DayOptions {
  readonly linesPerDay: number;
  /** Tables of one kind, each with the quota: as many as cells. */
  readonly cells: number;
  readonly hours?: readonly number[];
}

export interface DayEnd {
  readonly came: number;
  readonly registered: number;
  readonly waiting: number;
  /** The longest that a line took from its coming to its being registered, in minutes. */
  readonly delayMinutes: number;
  /** The most tasks that ran, all cells together. */
  readonly tasks: Readonly<Record<string, number>>;
  /** Minutes in which a table was what held a stage up. */
  readonly minutesBound: Readonly<Record<'intermediate' | 'registering', number>>;
}

/** Minutes from a breach to tasks that work: three periods of the alarm, and the start of a task. */
const REACTION_MINUTES = 4;
/** Minutes below the target before tasks are taken away (target tracking waits for fifteen periods). */
const SCALE_IN_MINUTES = 15;
const RANGE_BYTES = 8 * 1024 * 1024;
const SHARD_RECORDS = 131_072;
const STAGES = ['intermediate', 'registering'] as const;
type StageName = (typeof STAGES)[number];

export function simulateDay(rates: Rates, line: Line, options: DayOptions): DayEnd {
  const { linesPerDay, cells, hours = BUSINESS_DAY } = options;
  assert(hours.length === 24 && cells >= 1, 'a day has 24 hours, an installation at least one cell');
  const whole = hours.reduce((sum, share) => sum + share, 0);
  const stages = STAGES.map((name) => new Stage(name, rates, line, cells));
  let came = 0;
  let registered = 0;
  let delayMinutes = 0;
  /** When so many lines had come: for the delay of those that are registered now. */
  const cameBy: number[] = [];
  for (let minute = 0, told = 0; minute < 24 * 60; minute++) {
    let passing = (linesPerDay * (hours[Math.floor(minute / 60)] as number)) / whole / 60;
    came += passing;
    cameBy.push(came);
    for (const stage of stages) passing = stage.pass(passing);
    registered += passing;
    while (told < minute && (cameBy[told] as number) <= registered + 1e-6 * came) told++;
    delayMinutes = Math.max(delayMinutes, minute - told);
  }
  const waiting = stages.reduce((sum, stage) => sum + stage.waiting, 0);
  const each = <Value>(value: (stage: Stage) => Value) =>
    Object.fromEntries(stages.map((stage) => [stage.name, value(stage)])) as Record<StageName, Value>;
  return {
    came,
    registered,
    waiting,
    delayMinutes,
    tasks: each((stage) => stage.tasksMost),
    minutesBound: each((stage) => stage.minutesBound),
  };
}

class Stage {
  readonly name: StageName;
  readonly #group: RoleGroup;
  readonly #cells: number;
  readonly #linesPerTask: number;
  readonly #linesByTables: number;
  readonly #linesPerMessage: number;
  #tasks: number;
  #breached = 0;
  #calm = 0;
  waiting = 0;
  tasksMost = 0;
  minutesBound = 0;

  constructor(name: StageName, rates: Rates, line: Line, cells: number) {
    const group = ROLE_GROUPS.find((one) => one.name === name);
    assert(group !== undefined, 'the stack has a group of this name');
    this.name = name;
    this.#group = group;
    this.#cells = cells;
    this.#linesPerTask = (60 * threadsOf(group)) / (line.seconds[name] as number);
    const table = rates.quotas.tableUnitsPerSecond.value * 60 * cells;
    this.#linesByTables =
      name === 'intermediate'
        ? table / line.stagingWrites
        : table / Math.max(line.debtWrites, line.debtReads, line.indexWrites);
    this.#linesPerMessage =
      name === 'intermediate' ? RANGE_BYTES / rates.measured.fileBytesPerRecord.value : SHARD_RECORDS;
    this.#tasks = group.tasksMin * cells;
    this.tasksMost = this.#tasks;
  }

  /** Takes a minute's lines; answers those that leave in it. */
  pass(lines: number): number {
    const had = this.waiting + lines;
    const byTasks = this.#tasks * this.#linesPerTask;
    const left = Math.min(had, byTasks, this.#linesByTables);
    if (left < had && this.#linesByTables <= byTasks) this.minutesBound++;
    this.waiting = had - left;
    // What is counted at the end of a minute is what waits and what was in hand.
    this.#scale((this.waiting + Math.min(left, byTasks) / 60) / this.#linesPerMessage);
    return left;
  }

  #scale(messages: number): void {
    const { tasksMin, tasksMax } = this.#group;
    const wanted = Math.ceil(messages / backlogPerTask(this.#group));
    this.#breached = wanted > this.#tasks ? this.#breached + 1 : 0;
    this.#calm = wanted < this.#tasks ? this.#calm + 1 : 0;
    if (this.#breached >= REACTION_MINUTES) this.#tasks = Math.min(tasksMax * this.#cells, wanted);
    if (this.#calm >= SCALE_IN_MINUTES) this.#tasks = Math.max(tasksMin * this.#cells, wanted);
    this.tasksMost = Math.max(this.tasksMost, this.#tasks);
  }
}
