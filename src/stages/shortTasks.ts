/** Which tasks wait for no long one; apart from the tasks themselves, which the main thread does not load. */
import type { TaskTable } from './tasks.ts';

/** Bounded by what a small batch may be, and over in a moment. What they hold: `shortThreadHolders` in config/limits. */
export const SHORT_TASKS: ReadonlySet<keyof TaskTable> = new Set(['inspect', 'previewSmall', 'small'] as const);
