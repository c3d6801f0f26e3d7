/** How a step of reading the configuration tells what is wrong. */
import type { KeyPath } from './problem.ts'

/** Takes what is wrong at a key; the caller goes on, so that one run tells everything. */
export type Report = (path: KeyPath, message: string) => void
