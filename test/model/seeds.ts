/**
 * Seeds whose histories once ended wrong, with what was found; they run first, for ever. A change to how histories are
 * drawn gives a seed another history: what a seed stood for is then kept as a history of its own (`KEPT_HISTORIES`).
 */
import type { History, SimFile } from './history.ts';

export const KEPT_SEEDS: readonly { readonly seed: number; readonly found: string }[] = [
  { seed: 154, found: 'pages of a late range stayed: the message to free them had the id of one that was in hand' },
  { seed: 653, found: 'a late finish reported outcomes that disagree, for it read what had been freed' },
  { seed: 729, found: 'the outcomes of a late shard stayed after its batch was freed' },
  { seed: 890, found: 'the outcomes of a late shard stayed after its batch was freed' },
  { seed: 1059, found: 'the result of a late shard stayed after its batch was freed' },
  { seed: 1924, found: 'the outcomes of a late shard stayed after its batch was freed' },
  { seed: 2397, found: 'a late settle reported equations that fail, for it read what had been freed' },
];

const ASKED: Pick<SimFile, 'client' | 'dryRun' | 'duplicates' | 'broken' | 'againAtMs' | 'cancelAtMs'> = {
  client: 'acme',
  dryRun: false,
  duplicates: 'first',
  broken: null,
  againAtMs: null,
  cancelAtMs: null,
};

export const KEPT_HISTORIES: readonly { readonly history: History; readonly found: string }[] = [
  {
    found: 'nobody was told that a batch waited which was decided about before its message was sent',
    history: {
      seed: 3363,
      files: [
        {
          ...ASKED,
          lines: [{ ref: 'r-2', amount: '3.00' }],
          atMs: 83,
          asking: { profile: 'always', answers: [{ says: 'discard', looks: true, afterMs: 2533 }] },
        },
        {
          ...ASKED,
          lines: [{ ref: 'r-6', amount: '1.00' }],
          atMs: 53_054,
          asking: { profile: 'always', answers: [] },
        },
      ],
      processes: 1,
      smallRecordsMax: 0,
      takesTwice: false,
      doubleShare: 0,
      shuffledShare: 0,
      mishapShare: 0.05,
      mishaps: ['lose', 'twice', 'crash', 'stop', 'worker', 'clock'],
      mishapsMax: 23,
      spared: [2, 4, 5, 6, 9, 12, 14, 17, 18, 19, 20, 11, 15, 3, 7],
      notified: true,
    },
  },
];
