/** What keeping track of tensors has cost so far; inference mode promises that it costs nothing. */

/** Counts since the program started. */
export interface BookkeepingCounts {
  /** Functions recorded for the backward pass. */
  readonly gradFunctions: number
  /** Version counters made. */
  readonly versionCounters: number
  /** Version counters raised. */
  readonly versionBumps: number
  /** Views whose base was remembered. */
  readonly viewRecords: number
}

/** The counters themselves, raised where the things are made. */
export const counts = { gradFunctions: 0, versionCounters: 0, versionBumps: 0, viewRecords: 0 }

/** A copy of the counts now; compare two to see what some code cost. */
export function bookkeepingCounts(): BookkeepingCounts {
  return { ...counts }
}
