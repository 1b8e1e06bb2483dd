/** All fuzz targets. */
import type { TargetSource } from '../fuzz.ts';
import { ADDRESSES } from './addresses.ts';
import { API } from './api.ts';
import { GZIP } from './gzip.ts';
import { RECORDS, SPLIT } from './kernel.ts';
import { MESSAGES } from './messages.ts';
import { NOTIFICATIONS } from './notifications.ts';
import { PROFILES } from './profiles.ts';
import { STORED } from './stored.ts';

export const TARGETS: readonly TargetSource[] = [
  SPLIT,
  RECORDS,
  PROFILES,
  GZIP,
  NOTIFICATIONS,
  API,
  MESSAGES,
  STORED,
  ADDRESSES,
];
